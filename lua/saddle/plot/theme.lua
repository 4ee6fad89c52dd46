-- theme.lua: the one default look, made for a journal's column: 8 pt text at
-- 3.4 inches, thin axes on two sides, tics outside, a light grid behind, no
-- box around the legend. Lengths in points, sizes in inches.
-- Colours: Okabe & Ito 2008 (told apart under every common colour blindness);
-- maps: viridis (uniform in lightness) and a blue-red pair of equal lightness
-- about a neutral middle.  MIT licence.
return {
  column = 3.4, page = 7.0, aspect = 0.72,
  dpi = 300,
  font = "Sans", svgfont = "Arial, Helvetica, sans-serif", fontsize = 8,
  linewidth = 1.2, axiswidth = 0.6, gridwidth = 0.4,
  pointsize = 0.45,
  ink = "#262626", gridcolor = "#dcdcdc", background = "#ffffff",
  colors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
            "#4d4d4d", "#b8a800"},
  names = {black = "#000000", grey = "#7f7f7f", gray = "#7f7f7f",
           white = "#ffffff", blue = "#0072b2", vermillion = "#d55e00",
           red = "#d55e00", green = "#009e73", purple = "#cc79a7",
           orange = "#e69f00", sky = "#56b4e9", yellow = "#f0e442"},
  sequential = {"#440154", "#482878", "#3e4989", "#31688e", "#26828e",
                "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"},
  diverging = {"#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0",
               "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d", "#b2182b",
               "#67001f"},
  grid = true,
  margin = 0.04, -- share of the data's range left free at each side
}
