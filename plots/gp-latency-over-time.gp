# p50, p99 and maximum of each interval, one panel per point of the sweep. All panels have the same
# axes, so that they compare.
# Given: count; label[]; file[] of (seconds, then median, smallest and largest over the repeats of p50, p99 and
# max in ns), with an empty line where a line is to have a gap; rows[] of each; banded; what is said of a point
# without any (nothing); lowest, highest (ns), last (s)

columns = count > 1 ? 2 : 1
lines = (count + columns - 1) / columns
panel_height = lines > 1 ? 205.0 : 400.0
height = 154 + lines * panel_height
load house

eval in_axis(time_axis, "y")
# Only what is measured in picoseconds begins below the house's axis.
if (lowest < 1) {
    set ytics add ("1 ps" 1e-3, "10 ps" 1e-2, "100 ps" 0.1)
    do for [e = -3:-1] { do for [m = 2:9] { set ytics add ("" m * 10.0 ** e 1) } }
}
set yrange [lowest < 1 ? 0.999 * 10.0 ** floor(log10(lowest)) : decade_below(lowest): \
    decade_above(highest)]
set xrange [0:last]
set grid xtics ytics

left(c) = 0.08 + c * 0.485
panel_width = columns > 1 ? 0.405 : 0.89
upper(r) = 1 - (110.0 + r * panel_height) / height
lower(r) = upper(r) - (panel_height - 52.0) / height

set multiplot
do for [i = 1:count] {
    c = (i - 1) % columns
    r = (i - 1) / columns
    set lmargin at screen left(c)
    set rmargin at screen left(c) + panel_width
    set tmargin at screen upper(r)
    set bmargin at screen lower(r)
    set label 1 label[i] at screen left(c), screen upper(r) + 11.0 / height left textcolor rgb ink
    bottom = i + columns > count
    set xlabel (bottom ? "seconds since the start of the run" : "") textcolor rgb ink
    if (i == 1) {
        set key at screen 0.02, screen 1 - 58.0 / height left top horizontal Left reverse \
            samplen 2 width 2
    } else {
        unset key
    }
    if (rows[i] == 0) {
        set label 2 nothing at graph 0.5, 0.5 center textcolor rgb pale
    } else {
        unset label 2
    }
    data = rows[i] > 0 ? file[i] : "/dev/null"
    # Where one period is 1 % of all, p99 is the maximum: the larger dots show behind the smaller.
    band = banded ? data : "/dev/null"
    plot band using 1:9:10 with filledcurves fillstyle transparent solid 0.2 noborder linetype 2 notitle, \
        band using 1:6:7 with filledcurves fillstyle transparent solid 0.2 noborder linetype 4 notitle, \
        band using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder linetype 1 notitle, \
        data using 1:8 with linespoints linetype 2 pointsize 0.9 title "max", \
        data using 1:5 with linespoints linetype 4 pointsize 0.5 title "p99", \
        data using 1:2 with linespoints linetype 1 pointsize 0.5 title "p50", \
        -1 with lines linecolor rgb pale notitle
    # Said once is enough.
    unset label 1001
    unset label 1002
    unset label 1003
}
unset multiplot
