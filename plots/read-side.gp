# Median cost of a read section's lock and unlock, one bar per point of the sweep.
# Given: count; label[]; file[] of one line (median, smallest, largest over the repeats, in ns),
# rows[], highest (ns)

height = 152 + 34 * count + 20
load house

set lmargin at screen (key_columns * 8.0 + 30) / width
set rmargin at screen 0.93
set xrange [0:highest * 1.15]
set yrange [count + 0.6:0.4]
set ytics (label[1] 1) scale 0
do for [i = 2:count] { set ytics add (label[i] i) }
unset grid
set grid xtics linetype -1 linecolor rgb 0xE2E2E2 linewidth 0.8
set border 2
set xlabel "ns per read_lock and read_unlock, median" textcolor rgb ink
unset key

data(i) = rows[i] > 0 ? file[i] : '/dev/null'
missing(i) = rows[i] > 0 ? '/dev/null' : '+'
plot for [i = 1:count] data(i) using (0):(i):(0):1:(i - 0.32):(i + 0.32) \
        with boxxyerror linetype i fillstyle solid 0.85 noborder, \
    for [i = 1:count] data(i) using ($3 > $2 ? $1 : NaN):(i):2:3 \
        with xerrorbars linecolor rgb ink linewidth 1 pointsize 0, \
    for [i = 1:count] data(i) using ($3 + highest * 0.012):(i):(sprintf("%.2f", $1)) \
        with labels left textcolor rgb ink, \
    for [i = 1:count] missing(i) using (highest * 0.012):(i):("not measured") every ::0::0 \
        with labels left textcolor rgb pale
