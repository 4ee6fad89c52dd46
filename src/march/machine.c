/* machine.c: one thread's machine: cells for what all lanes share, rows for what
** each lane has, and the step's instructions twice, since the state lies in one
** set of rows before even steps and in the other before odd ones.
** MIT licence. */
#include "march/machine.h"

#include <string.h>

enum {
  L1 = 24 << 10, /* bytes of rows aimed at */
  SHORT = 64,    /* lanes of a block, least */
  LONG = 1024    /* and most */
};

sl_int sl_machine_fit(const sl_march *m) {
  sl_int fits = L1 / (8 * (sl_int)(m->nrow + 1)) / SHORT * SHORT;
  return fits < SHORT ? SHORT : fits > LONG ? LONG : fits;
}

/* Noise is drawn for whole groups of lanes. */
static sl_int room_of(const sl_march *m, sl_int block) {
  return m->nnoise > 0 ? sl_rounded(block, SL_LANE_GROUP) : block;
}

/* Lays a machine into memory; only counts the bytes when base is NULL. */
static sl_int lay(sl_machine *k, char *base) {
  const sl_march *m = k->m;
  const sl_lanecode *c = m->code;
  sl_int most = c->nop - c->nfixed + m->nnext + m->nvalue;
  sl_int cells = sl_aligned(c->nvalue * (sl_int)sizeof *k->cell);
  sl_int rows = sl_aligned(m->nrow * k->room * (sl_int)sizeof *k->rows);
  sl_int code = sl_aligned(most * (sl_int)sizeof *k->code[0]);
  sl_int noise = cells + rows + 2 * code;
  if (base != NULL) {
    k->cell = (double *)(void *)base;
    k->rows = (double *)(void *)(base + cells);
    k->code[0] = (sl_instr *)(void *)(base + cells + rows);
    k->code[1] = (sl_instr *)(void *)(base + cells + rows + code);
  }
  return noise + sl_noises_lay(&k->noise, m, k->block, k->room,
                               base != NULL ? base + noise : NULL);
}

sl_int sl_machine_bytes(const sl_march *m, sl_int block) {
  sl_machine k = {.m = m, .block = block, .room = room_of(m, block)};
  return sl_aligned(lay(&k, NULL));
}

double *sl_machine_row(const sl_machine *k, int32_t r, int odd) {
  const sl_int width = k->m->width, noise = sl_noise_row(k->m);
  if (odd && r < 2 * width) {
    r = (int32_t)(r < width ? r + width : r - width);
  } else if (odd && r < sl_value_row(k->m)) {
    r += (r - noise) % 2 == 0;
  }
  return k->rows + r * k->room;
}

/* ---- instructions -------------------------------------------------------- */

/* Element number 0 of a table, and the step along its axis. */
static void table_address(const sl_machine *k, sl_instr *to, int i,
                          const sl_lload *load) {
  const sl_tensor *t = k->reads.captures[load->k];
  const int axis = (int)load->value;
  sl_int at = 0, e = load->element;
  for (int a = t->type.ndim - 1; a >= 0; a--) {
    at += e % t->type.shape[a] * t->stride[a];
    e /= t->type.shape[a];
  }
  to->in[i] = (const double *)t->data + at;
  to->step[i] = t->stride[axis];
}

static void address(const sl_machine *k, sl_instr *to, int i, int32_t v,
                    int odd) {
  static const double one = 1;
  if (v == SL_LANE_ONE) {
    to->in[i] = &one;
    to->step[i] = 0;
    return;
  }
  if (k->m->row[v] < -1) {
    table_address(k, to, i, &k->m->code->load[-2 - k->m->row[v]]);
    return;
  }
  bool each = k->m->row[v] >= 0;
  to->in[i] = each ? sl_machine_row(k, k->m->row[v], odd) : &k->cell[v];
  to->step[i] = each;
}

/* The kernel of an operation, now that fixed values are known: the strong product
** with a fixed first factor that is no zero is the plain one. */
static sl_lane_fn *kernel_of(const sl_machine *k, const sl_lop *op) {
  int32_t v = op->in[0];
  bool plain = op->fn == sl_lane_get(SL_LANE_mulz, SL_F64) &&
               k->m->code->level[v] == SL_FIXED && k->cell[v] != 0.0 &&
               k->cell[v] == k->cell[v];
  return plain ? sl_lane_get(SL_LANE_mul, SL_F64) : op->fn;
}

static void write_code(sl_machine *k, int odd) {
  const sl_march *m = k->m;
  const sl_lanecode *c = m->code;
  sl_instr *to = k->code[odd];
  for (int32_t i = c->nfixed; i < c->nop; i++, to++) {
    const sl_lop *op = &c->op[i];
    bool each = op->level == SL_EACH;
    *to = (sl_instr){.fn = kernel_of(k, op), .lanes = each ? 0 : 1};
    to->quick = sl_quick_of(to->fn);
    to->out = each ? (void *)sl_machine_row(k, m->row[op->out], odd)
                   : &k->cell[op->out];
    for (int a = 0; a < op->nin; a++) {
      address(k, to, a, op->in[a], odd);
    }
  }
  for (sl_int j = 0; j < m->nnext + m->nvalue; j++) {
    if (m->row[c->out[j]] != sl_result_row(m, j)) {
      *to = (sl_instr){.fn = sl_lane_copy, .quick = SL_QUICK_COPY};
      to->out = sl_machine_row(k, sl_result_row(m, j), odd);
      address(k, to++, 0, c->out[j], odd);
    }
  }
  k->ncode = (int32_t)(to - k->code[odd]);
}

/* All that does not change from step to step. */
static void fill_cells(sl_machine *k) {
  const sl_lanecode *c = k->m->code;
  for (int32_t i = 0; i < c->nload; i++) {
    const sl_lload *l = &c->load[i];
    double *cell = &k->cell[l->out];
    if (l->source == SL_FROM_CONST) {
      *cell = l->value;
    } else if (l->source == SL_FROM_SLOT) {
      *cell = k->reads.slots[l->k];
    } else if (l->source == SL_FROM_CAPTURE &&
               c->level[l->out] == SL_FIXED) {
      sl_lane_read(cell, k->reads.captures[l->k], l->element);
    }
  }
  for (int32_t i = 0; i < c->nfixed; i++) {
    static const sl_int one[SL_LANE_OPERANDS] = {1, 1, 1};
    const void *in[SL_LANE_OPERANDS] = {NULL};
    for (int a = 0; a < c->op[i].nin; a++) {
      in[a] = &k->cell[c->op[i].in[a]];
    }
    c->op[i].fn(1, &k->cell[c->op[i].out], 1, in, one);
  }
}

void sl_machine_init(sl_machine *k, const sl_march *m, const sl_reads *reads,
                     uint64_t seed, sl_int block, char *base) {
  *k = (sl_machine){.m = m, .reads = *reads, .block = block,
                    .room = room_of(m, block), .lanes = -1};
  lay(k, base);
  k->noise.seed = seed;
  if (m->nnoise > 0) { /* whole groups are drawn and multiplied */
    memset(k->rows, 0, (size_t)(m->nrow * k->room) * sizeof *k->rows);
  }
  fill_cells(k);
  write_code(k, 0);
  write_code(k, 1);
}

/* ---- lanes --------------------------------------------------------------- */

void sl_machine_lanes(sl_machine *k, sl_int n) {
  if (n == k->lanes) {
    return;
  }
  for (int odd = 0; odd < 2; odd++) {
    for (int32_t i = 0; i < k->ncode; i++) {
      sl_instr *to = &k->code[odd][i];
      char *out = to->out;
      to->lanes = out >= (char *)k->rows ? n : 1;
    }
  }
  k->lanes = n;
}

void sl_machine_number(sl_machine *k, uint64_t number) {
  if (k->m->nnoise > 0) {
    for (sl_int i = 0; i < k->lanes; i++) {
      k->noise.at[i] = k->noise.at_sign[i] = number + (uint64_t)i;
    }
    sl_noises_forget(&k->noise, k->m);
    k->noise.together = true;
  }
}

void sl_machine_read(const sl_machine *k, const sl_tensor *const *from,
                     sl_int lane, sl_int n, sl_int slot, int odd) {
  const sl_march *m = k->m;
  for (int t = 0; t < m->nstate; t++) {
    sl_int count = m->first[t + 1] - m->first[t];
    const double *x = from[t]->data;
    for (sl_int e = 0; e < count; e++) {
      double *row =
          sl_machine_row(k, (int32_t)(m->first[t] + e), odd) + slot;
      for (sl_int i = 0; i < n; i++) {
        row[i] = x[(lane + i) * count + e];
      }
    }
  }
  for (int32_t i = 0; m->elements && i < m->code->nload; i++) {
    const sl_lload *l = &m->code->load[i];
    if (l->source == SL_FROM_CAPTURE && m->row[l->out] >= 0) {
      sl_read_row(k->reads.captures[l->k], lane, n,
                  k->rows + m->row[l->out] * k->room + slot);
    }
  }
}

void sl_machine_write(const sl_machine *k, sl_int lane, sl_int n, int odd,
                      sl_tensor *const *to, sl_int at, sl_int lanes) {
  const sl_march *m = k->m;
  for (int t = 0; t < m->nstate; t++) {
    sl_int count = m->first[t + 1] - m->first[t];
    double *x = to[t]->data;
    x += (at * lanes + lane) * count;
    for (sl_int e = 0; e < count; e++) {
      const double *row =
          sl_machine_row(k, (int32_t)(m->first[t] + e), odd);
      for (sl_int i = 0; i < n; i++) {
        x[i * count + e] = row[i];
      }
    }
  }
}

/* ---- steps --------------------------------------------------------------- */

void sl_machine_execute(sl_machine *k, int odd) {
  if (k->lanes == 1) {
    sl_execute_one(k->code[odd], k->ncode);
  } else {
    sl_execute(k->code[odd], k->ncode);
  }
}

void sl_machine_step(sl_machine *k, sl_int s, sl_int count) {
  double none, *clock = k->m->clock >= 0 ? &k->cell[k->m->clock] : &none;
  for (sl_int end = s + count; s < end; s++) {
    *clock = (double)s;
    if (k->m->nnoise > 0) {
      sl_noises_draw(k, s);
    }
    sl_machine_execute(k, (int)(s & 1));
  }
}
