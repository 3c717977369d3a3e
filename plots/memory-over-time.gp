# What is held back, and what the process takes, over time: the most in each interval, a line for each point.
# Given: count; label[]; file[] of (seconds, bytes held back, bytes of the process), with an empty line between
# repeats; rows[] of each; lowest, highest (bytes), last (s)

height = 520 + 17 * count
load house

set logscale y
set format y "%.0s %cB"
set yrange [decade_below(lowest):decade_above(highest)]
set xrange [0:last]
set xlabel "seconds since the start of the run" textcolor rgb ink
set grid xtics ytics

data(i) = rows[i] > 0 ? file[i] : "/dev/null"
left(c) = 0.09 + c * 0.49

above = 84.0 + 17 * count
set tmargin at screen 1 - above / height
set multiplot
do for [c = 0:1] {
    set lmargin at screen left(c)
    set rmargin at screen left(c) + 0.39
    set label 1 (c == 0 ? "held back" : "the process") at screen left(c), screen 1 - (above - 14) / height left \
        textcolor rgb ink
    if (c == 0) {
        set key at screen 0.02, screen 1 - 62.0 / height left top horizontal Left reverse samplen 2 width 2
    } else {
        unset key
    }
    plot for [i = 1:count] data(i) using 1:(column(2 + c) > 0 ? column(2 + c) : NaN) with lines linetype i \
        title label[i]
    # Said once is enough.
    unset label 1001
    unset label 1002
    unset label 1003
}
unset multiplot
