# How many grace periods, or values of another latency, take longer than x: one line per point of the
# sweep, in its order.
# Given: count; label[], key_columns, key_title; file[] of (x, fraction longer than x); rows[] of
# each, what the latency is called (latency) and what is counted (values); total[] of them, longest[]
# of them (ns); lowest, highest (ns)

load house

eval in_axis(time_axis, "x")
# Only what is measured in picoseconds begins below the house's axis.
if (lowest < 1) {
    set xtics add ("1 ps" 1e-3, "10 ps" 1e-2, "100 ps" 0.1)
    do for [e = -3:-1] { do for [m = 2:9] { set xtics add ("" m * 10.0 ** e 1) } }
}
set xrange [lowest < 1 ? 0.999 * 10.0 ** floor(log10(lowest)) : decade_below(lowest): \
    decade_above(highest)]
set xlabel "x, " . latency textcolor rgb ink

most = 10.0
do for [i = 1:count] { most = total[i] > most ? total[i] : most }
set logscale y
set yrange [10.0 ** (-ceil(log10(most) - 0.001)) : 1.3]
set ytics ("1" 1, "0.1" 0.1, "0.01" 0.01, "10⁻³" 1e-3, "10⁻⁴" 1e-4, "10⁻⁵" 1e-5, "10⁻⁶" 1e-6, \
    "10⁻⁷" 1e-7, "10⁻⁸" 1e-8, "10⁻⁹" 1e-9, "10⁻¹⁰" 1e-10, "10⁻¹¹" 1e-11, "10⁻¹²" 1e-12)
set ylabel "fraction of " . values . " longer than x" textcolor rgb ink

key_title = key_title . "  (" . values . ")"
key_columns = strlen(key_title) - 3 > key_columns ? strlen(key_title) - 3 : key_columns
set lmargin at screen 0.095
set rmargin at screen 1 - (key_columns * 8.0 + 70) / width
set key at screen 1 - (key_columns * 8.0 + 52) / width, screen 1 - 70.0 / height left top \
    vertical Left reverse samplen 2 spacing 1.3 title key_title left

# A line ends at the longest of all, with a dot.
plot for [i = 1:count] (rows[i] > 0 ? file[i] : "/dev/null") using 1:2 \
        with steps linetype i notitle, \
    for [i = 1:count] (rows[i] > 0 ? file[i] : "/dev/null") using (longest[i]):(1.0 / total[i]) \
        every ::0::0 with points linetype i notitle, \
    for [i = 1:count] keyentry with lines linetype i title label[i]
