# The ratios of a comparison with their intervals, the largest above: a forest plot.
# Given: count; file of (row, ratio, low, high, colour) with a line for each metric, NaN for what is not known;
# name[], said[] (its verdict), name_columns, said_columns; margin; lowest, highest (of ratios and intervals)

height = 160 + 26 * count
load house

set lmargin at screen (name_columns * 7.6 + 26) / width
set rmargin at screen 1 - (said_columns * 7.6 + 20) / width
set yrange [count + 0.7:0.3]
set ytics (name[1] 1) scale 0
do for [i = 2:count] { set ytics add (name[i] i) }
set border 1
unset grid
set grid xtics linetype -1 linecolor rgb 0xE2E2E2 linewidth 0.8
set logscale x
set xrange [lowest / 1.03:highest * 1.03]
set xtics ()
do for [t in "0.1 0.2 0.3 0.5 0.7 0.8 0.9 1 1.1 1.2 1.5 2 3 5 10"] {
    # Ten per cent are told apart only where few others are between them.
    near = (t + 0 > 0.75 && t + 0 < 1.3 && t + 0 != 1 && highest / lowest > 3)
    if (!near) { set xtics add (t t + 0) }
}
set xlabel "new over base, median and 95 % interval (logarithmic)" textcolor rgb ink
unset key

set object 1 rectangle from 1 / (1 + margin), graph 0 to 1 + margin, graph 1 behind \
    fillcolor rgb 0xEEF4F8 fillstyle solid noborder
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linecolor rgb pale linewidth 1
do for [i = 1:count] {
    set label i said[i] at graph 1.01, first i left textcolor rgb ink
}
plot file using 2:1:3:4:5 with xerrorbars linecolor variable linewidth 2 pointtype 7 pointsize 0.9
