# What each scheme does with a mix of reads and updates, in three panels: operations a second, how soon what was retired
# is reclaimed, and how much memory is held back. Schemes are rows, the fastest above; the named one stands out, those
# that another beats in everything are pale.
# Given: count; file of (row, operations, wait in ns, bytes, colour as rgb); name[], name_columns; lowest and highest of each
# figure: operations_lowest, ... wait_highest, memory_highest

height = 170 + 24 * count
load house

left_edge = (name_columns * 7.6 + 30) / width
right_edge = 0.96
gap = 62.0 / width
panel_width = (right_edge - left_edge - 2 * gap) / 3
array title[3] = ["operations a second (more is better)", "retired to reclaimed, p99 (less)", "held back, at most (less)"]
array low[3] = [operations_lowest, wait_lowest, memory_lowest]
array high[3] = [operations_highest, wait_highest, memory_highest]

set yrange [count + 0.7:0.3]
set border 1
unset grid
set grid xtics ytics linetype -1 linecolor rgb 0xE2E2E2 linewidth 0.8
unset key
set multiplot
do for [q = 1:3] {
    set lmargin at screen left_edge + (q - 1) * (panel_width + gap)
    set rmargin at screen left_edge + (q - 1) * (panel_width + gap) + panel_width
    set ytics (name[1] 1) scale 0
    do for [i = 2:count] { set ytics add (name[i] i) }
    set format y (q == 1 ? "%h" : "")
    if (q > 1) {
        set ytics ("" 1)
        do for [i = 2:count] { set ytics add ("" i) }
    }
    set xrange [decade_below(low[q]):decade_above(high[q])]
    set logscale x
    if (q == 2) { eval in_axis(log10(high[q] / low[q]) > 3 ? sparse_time_axis : time_axis, "x") }
    # Where labels would touch, only every third decade has one.
    wide = log10(high[q] / low[q]) > 3
    if (q != 2) {
        set xtics ()
        do for [e = 0:11] {
            unit = q == 1 ? (e < 3 ? "" : " " . word("k M G", e / 3)) : " " . word("B kB MB GB", e / 3 + 1)
            set xtics add ((wide && e % 3 != 0 ? "" : sprintf("%.0f", 10.0 ** (e % 3)) . unit) 10.0 ** e)
        }
    }
    set xlabel title[q] textcolor rgb ink
    plot file using (column(q + 1)):1:5 with points linecolor rgb variable pointtype 7 pointsize 1
    unset label 1001
    unset label 1002
    unset label 1003
}
unset multiplot
