# One metric over commits: the median of each result, and a band from the least to the most of its runs. Where the level
# changes a line says by how much, and since which commit.
# Given: file of (number, median, least, most), count; changes: change_at[], change_text[], change_count; commit[] of
# every result; limit (0: none); is_time; lowest, highest; metric

load house

set xrange [0.5:count + 0.5]
set xtics () rotate by -40 left scale 0.4
step = ceil(count / 24.0)
do for [i = 1:count:step] { set xtics add (commit[i] i) }
set bmargin at screen 128.0 / height
# One unit for all; logarithmic only where values differ by more than threefold.
unit = !is_time || highest < 1e3 ? 1 : highest < 1e6 ? 1e3 : highest < 1e9 ? 1e6 : 1e9
unit_name = !is_time ? "" : unit == 1 ? ", ns" : unit == 1e3 ? ", µs" : unit == 1e6 ? ", ms" : ", s"
if (highest > 3 * lowest) {
    set logscale y
    set yrange [lowest / unit / 1.2:highest / unit * 1.5]
} else {
    set yrange [(lowest - 0.25 * (highest - lowest)) / unit:(highest + 0.5 * (highest - lowest)) / unit]
}
if (!is_time) { set format y "%.3s %c" }
set ylabel metric . unit_name textcolor rgb ink
set lmargin at screen 0.10
set rmargin at screen 0.96
unset key
do for [i = 1:change_count] {
    set arrow i from change_at[i] - 0.5, graph 0 to change_at[i] - 0.5, graph 1 nohead \
        linecolor rgb "#D55E00" linewidth 1.5 dashtype 2
    set label i change_text[i] at change_at[i] - 0.5, graph 0.96 - 0.05 * ((i - 1) % 3) left offset 0.5, 0 \
        textcolor rgb "#D55E00"
}
if (limit > 0) {
    set arrow 99 from graph 0, first limit / unit to graph 1, first limit / unit nohead linecolor rgb "#000000" linewidth 1 dashtype 3
    set label 99 "budget" at graph 0.995, first limit / unit right offset 0, 0.5 textcolor rgb ink
}
plot file using 1:($3 / unit):($4 / unit) with filledcurves fillstyle transparent solid 0.2 noborder linetype 1 notitle, \
    file using 1:($2 / unit) with linespoints linetype 1 notitle
