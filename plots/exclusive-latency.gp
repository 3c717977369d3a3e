# Latency of start_exclusive() against the number of vCPUs: p50 and p99, medians over the repeats. One colour
# for each line of points that differ in the number of vCPUs only.
# Given: count; file[] of (vcpus, then median, smallest and largest of p50 and of p99 in ns) for the first point of each line, rows[] (0: of the others),
# label[], key_columns; banded; lowest, highest (ns), last (vCPUs)

load house

eval in_axis(time_axis, "y")
set yrange [decade_below(lowest):decade_above(highest)]
set logscale x 2
set xrange [0.9:last * 1.12]
set xlabel "vCPUs" textcolor rgb ink
set ylabel "from start_exclusive() to its return" textcolor rgb ink
set lmargin at screen 0.10

data(i) = rows[i] > 0 ? file[i] : "/dev/null"
array colour[count]
used = 0
do for [i = 1:count] { used = rows[i] > 0 ? used + 1 : used; colour[i] = used > 0 ? used : 1 }
name(i, what) = used > 1 ? label[i] . ", " . what : what
# Beside the picture, where it is over no title.
beside = used > 1 ? (key_columns + 5) * 8.0 + 52 : 92
set rmargin at screen 1 - (beside + 8) / width
set key at screen 1 - beside / width, screen 1 - 70.0 / height left top vertical Left reverse samplen 2 spacing 1.3
band(i) = banded ? data(i) : "/dev/null"
plot for [i = 1:count] band(i) using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder \
        linetype colour[i] notitle, \
    for [i = 1:count] band(i) using 1:6:7 with filledcurves fillstyle transparent solid 0.2 noborder \
        linetype colour[i] notitle, \
    for [i = 1:count] data(i) using 1:2 with linespoints linetype colour[i] \
        title (rows[i] > 0 ? name(i, "p50") : ""), \
    for [i = 1:count] data(i) using 1:5 with linespoints linetype colour[i] dashtype 3 pointtype 6 \
        title (rows[i] > 0 ? name(i, "p99") : "")
