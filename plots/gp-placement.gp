# Latency of grace periods against where the caller is placed beside the reader: p50 and p99, medians over the repeats.
# One colour for each line of points that differ in that only.
# Given: count; file[] of (place, then median, smallest and largest of p50 and of p99 in ns) for the first point of each
# line, rows[] (0: of the others), label[], key_columns; place[] names the places; banded; lowest, highest (ns),
# first_place, last (places)

load house

eval in_axis(time_axis, "y")
set yrange [decade_below(lowest):decade_above(highest)]
set xrange [first_place - 0.4:last + 0.4]
set xtics () scale 0
do for [i = int(first_place):int(last)] { set xtics add (place[i] i) }
known = 0
do for [i = int(first_place):int(last)] { known = known || strstrt(place[i], "(") > 0 }
set xlabel "where callers are, beside readers" . (known ? " (and how far that is for the firmware: 10 within a node)" : "") \
    textcolor rgb ink
set ylabel "from the call to its return" textcolor rgb ink
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
# Lines that lie over each other are drawn side by side.
aside(i) = (colour[i] - (used + 1) / 2.0) * 0.06
plot for [i = 1:count] band(i) using ($1 + aside(i)):2:3:4 with yerrorbars linetype colour[i] linewidth 1 pointsize 0 notitle, \
    for [i = 1:count] band(i) using ($1 + aside(i)):5:6:7 with yerrorbars linetype colour[i] linewidth 1 pointsize 0 notitle, \
    for [i = 1:count] data(i) using ($1 + aside(i)):2 with linespoints linetype colour[i] \
        title (rows[i] > 0 ? name(i, "p50") : ""), \
    for [i = 1:count] data(i) using ($1 + aside(i)):5 with linespoints linetype colour[i] dashtype 3 pointtype 6 \
        title (rows[i] > 0 ? name(i, "p99") : "")
