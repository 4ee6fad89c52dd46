-- file.lua: tensors in files. saddle.load and saddle.save read and write
-- NumPy's .npy and .npz; everything is checked on reading and appears under
-- its name only when complete on writing.  MIT licence.
local core = require "saddle.core"
local opt = require "saddle.opt"

local M = {
  -- load(path): a tensor (.npy, also gzipped), or a table of tensors by name
  -- (.npz). The contents decide which, not the name.
  load = core.file.load,
  -- idx(path [, n]): an IDX file, plain or gzipped; at most n items.
  idx = core.file.idx,
  -- write(path, string): all of it or nothing.
  write = core.file.write,
  -- exists(path): "file", "directory", "other" or nil.
  exists = core.file.exists,
}

-- save(path, tensor), or save("name.npz", {w = tensor}, {compress = true}).
function M.save(path, value, opts)
  opts = opt.check(opts, {compress = false}, "save")
  if type(path) == "string" and path:sub(-4) == ".npz" then
    core.file.save_npz(path, value, opts)
  else
    if opts.compress then
      core.fail("save: option 'compress': expected a name ending in .npz")
    end
    if type(path) == "string" and path ~= "" and path:sub(-4) ~= ".npy" then
      core.fail(("save: expected a name ending in .npy or .npz, got %s")
        :format(opt.show(path)))
    end
    core.file.save_npy(path, value)
  end
end

return M
