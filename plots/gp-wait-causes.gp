# What the slowest 1 % of requests waited for: one stacked bar per point of the sweep.
# Given: count; label[]; file[] of (cause, from, to), in fractions of their time, rows[] of each;
# cause_count, cause[] (words), seen[] (1: some point has a share that shows); key_columns

shown = 0
do for [c = 1:cause_count] { shown = shown + seen[c] }
height = 186 + 34 * count + 22 * shown + 20
load house

set lmargin at screen (key_columns * 8.0 + 30) / width
set rmargin at screen 0.96
set bmargin at screen (116.0 + 22 * shown) / height
set xrange [0:1]
set yrange [count + 0.6:0.4]
set xtics ("0" 0, "25" 0.25, "50" 0.5, "75" 0.75, "100" 1)
set ytics (label[1] 1) scale 0
do for [i = 2:count] { set ytics add (label[i] i) }
unset grid
set grid xtics linetype -1 linecolor rgb 0xE2E2E2 linewidth 0.8
set border 2
set xlabel "per cent of their time" textcolor rgb ink
unset key

# A colour for each cause, whichever are there.
array colour[12] = [0xD55E00, 0xE69F00, 0x0072B2, 0x56B4E9, 0xF0E442, 0x009E73, 0x7FC8AC, 0xCC79A7, \
    0x9467BD, 0x8C8C8C, 0x404040, 0xD0D0D0]

# The legend is drawn: a key has no more rows than the plot is high.
n = 0
do for [c = 1:cause_count] {
    if (seen[c]) {
        y = (30.0 + 22 * (shown - n)) / height
        n = n + 1
        x = (key_columns * 8.0 + 30) / width
        set object n rectangle from screen x, y - 5.0 / height to screen x + 26.0 / width, y + 5.0 / height \
            fillcolor rgb colour[c] fillstyle solid 0.9 noborder
        set label n cause[c] at screen x + 35.0 / width, y left textcolor rgb ink
    }
}

data(i) = rows[i] > 0 ? file[i] : '/dev/null'
missing(i) = rows[i] > 0 ? '/dev/null' : '+'
plot for [i = 1:count] data(i) using 2:(i):2:3:(i - 0.32):(i + 0.32):(colour[int($1)]) \
        with boxxyerror linecolor rgb variable fillstyle solid 0.9 noborder, \
    for [i = 1:count] missing(i) using (0.01):(i):("not known") every ::0::0 \
        with labels left textcolor rgb pale
