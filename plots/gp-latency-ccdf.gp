# How many grace periods take longer than x: one line per point of the sweep, in its order.
# Given: count; label[], key_columns, key_title; file[] of (x, fraction longer than x); rows[] of
# each, latency_of; total[] of grace periods, longest[] of them (ns); lowest, highest (ns)

load house

eval in_axis(time_axis, "x")
set xrange [decade_below(lowest):decade_above(highest)]
set xlabel "x, the grace period's latency " . latency_of textcolor rgb ink

most = 10.0
do for [i = 1:count] { most = total[i] > most ? total[i] : most }
set logscale y
set yrange [10.0 ** (-ceil(log10(most) - 0.001)) : 1.3]
set ytics ("1" 1, "0.1" 0.1, "0.01" 0.01, "10⁻³" 1e-3, "10⁻⁴" 1e-4, "10⁻⁵" 1e-5, "10⁻⁶" 1e-6, \
    "10⁻⁷" 1e-7, "10⁻⁸" 1e-8, "10⁻⁹" 1e-9, "10⁻¹⁰" 1e-10, "10⁻¹¹" 1e-11, "10⁻¹²" 1e-12)
set ylabel "fraction of grace periods longer than x" textcolor rgb ink

key_title = key_title . "  (grace periods)"
key_columns = strlen(key_title) - 3 > key_columns ? strlen(key_title) - 3 : key_columns
set lmargin at screen 0.095
set rmargin at screen 1 - (key_columns * 8.0 + 70) / width
set key at screen 1 - (key_columns * 8.0 + 52) / width, screen 1 - 70.0 / height left top \
    vertical Left reverse samplen 2 spacing 1.3 title key_title left

# A line ends at the longest grace period of all, with a dot.
plot for [i = 1:count] (rows[i] > 0 ? file[i] : "/dev/null") using 1:2 \
        with steps linetype i notitle, \
    for [i = 1:count] (rows[i] > 0 ? file[i] : "/dev/null") using (longest[i]):(1.0 / total[i]) \
        every ::0::0 with points linetype i notitle, \
    for [i = 1:count] keyentry with lines linetype i title label[i]
