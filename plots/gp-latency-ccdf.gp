# How many grace periods, or values of another latency, take longer than x: one line per point of the
# sweep, in one panel or in several. All panels have the same axes, so that they compare.
# Given: count; panels, columns, panel_title[] (where panels are a grid: "row  column"); of each point panel[],
# line[]; lines, line_name[], line_key (0 and "": points are the lines); alone (each panel has one line, and the
# others behind it); label[], key_columns, key_title; file[] of (x, fraction longer than x, smallest and largest over
# the repeats), rows[] of each, what the latency is called (latency) and what is counted (values); total[] of them;
# longest[] (ns) and least[] where a line ends; banded; lowest, highest (ns)

single = panels <= 1
grid_lines = (panels + columns - 1) / columns
panel_height = single ? 404.0 : columns > 2 ? 200.0 : 250.0
above = single ? 68 : alone ? 66 : 88
height = above + grid_lines * panel_height + 88
load house

eval in_axis(time_axis, "x")
# Only what is measured in picoseconds begins below the house's axis.
picoseconds = 'set xtics add ("1 ps" 1e-3, "10 ps" 1e-2, "100 ps" 0.1); \
    do for [e = -3:-1] { do for [m = 2:9] { set xtics add ("" m * 10.0 ** e 1) } }'
from = lowest < 1 ? 0.999 * 10.0 ** floor(log10(lowest)) : decade_below(lowest)
to = decade_above(highest)
set xrange [from:to]

most = 10.0
do for [i = 1:count] { most = total[i] > most ? total[i] : most }
set logscale y
set yrange [10.0 ** (-ceil(log10(most) - 0.001)) : 1.3]
set ytics ("1" 1, "0.1" 0.1, "0.01" 0.01, "10⁻³" 1e-3, "10⁻⁴" 1e-4, "10⁻⁵" 1e-5, "10⁻⁶" 1e-6, \
    "10⁻⁷" 1e-7, "10⁻⁸" 1e-8, "10⁻⁹" 1e-9, "10⁻¹⁰" 1e-10, "10⁻¹¹" 1e-11, "10⁻¹²" 1e-12)

key_title = key_title . "  (" . values . ")"
key_columns = strlen(key_title) - 3 > key_columns ? strlen(key_title) - 3 : key_columns
left_edge = 0.095
right_edge = single ? 1 - (key_columns * 8.0 + 70) / width : grid ? 0.962 : 0.98
gap = columns == 2 ? 0.052 : 26.0 / width
panel_width = (right_edge - left_edge - (columns - 1) * gap) / columns
left(c) = left_edge + c * (panel_width + gap)
upper(r) = 1 - (above + (single ? 0 : 22) + r * panel_height) / height
lower(r) = 1 - (above + (single ? 400 : panel_height - 14) + r * panel_height) / height
# Where labels would touch, only every third decade has one.
sparse = panel_width * width / log10(to / from) < 54

shown(i, q) = rows[i] > 0 && panel[i] == q
data(i, q) = shown(i, q) ? file[i] : "/dev/null"
behind(i, q) = alone && rows[i] > 0 && panel[i] != q ? file[i] : "/dev/null"

# What all panels have in common stands once: axes, and a line of names for the lines.
if (!single) {
    set label 1004 "x, " . latency at screen (left_edge + right_edge) / 2, screen 42.0 / height center \
        textcolor rgb ink
    set label 1005 "fraction of " . values . " longer than x" at screen 0.022, \
        screen (lower(grid_lines - 1) + upper(0)) / 2 center rotate by 90 textcolor rgb ink
    at = left_edge
    y = 1 - 66.0 / height
    do for [i = 1:lines] {
        name = (i == 1 ? line_key . " = " : "") . line_name[i]
        set arrow i from screen at, screen y to screen at + 24.0 / width, screen y nohead linetype i linewidth 3
        set label 1100 + i name at screen at + 30.0 / width, screen y left textcolor rgb ink
        at = at + (56 + 8.0 * strlen(name)) / width
    }
}

set multiplot
do for [q = 1:(single ? 1 : panels)] {
    c = (q - 1) % columns
    r = (q - 1) / columns
    bottom = q + columns > panels
    set lmargin at screen left(c)
    set rmargin at screen left(c) + panel_width
    set tmargin at screen upper(r)
    set bmargin at screen lower(r)
    set format x (bottom ? "%h" : "")
    if (bottom) {
        eval in_axis(sparse ? sparse_time_axis : time_axis, "x")
        if (lowest < 1) { eval picoseconds }
    } else {
        eval in_axis(silent_time_axis, "x")
    }
    set format y (c == 0 ? "%h" : "")
    if (c > 0) { set ytics ("" 1, "" 0.1, "" 0.01, "" 1e-3, "" 1e-4, "" 1e-5, "" 1e-6, "" 1e-7, "" 1e-8) }
    if (c == 0) {
        set ytics ("1" 1, "0.1" 0.1, "0.01" 0.01, "10⁻³" 1e-3, "10⁻⁴" 1e-4, "10⁻⁵" 1e-5, "10⁻⁶" 1e-6, \
            "10⁻⁷" 1e-7, "10⁻⁸" 1e-8, "10⁻⁹" 1e-9, "10⁻¹⁰" 1e-10, "10⁻¹¹" 1e-11, "10⁻¹²" 1e-12)
    }
    set xlabel (single ? "x, " . latency : "") textcolor rgb ink
    set ylabel (single ? "fraction of " . values . " longer than x" : "") textcolor rgb ink
    # In a grid each value stands once, over its column or beside its row.
    if (grid) {
        gap_at = strstrt(panel_title[q], "  ")
        over = r == 0 ? substr(panel_title[q], gap_at + 2, 99) : ""
        beside = c == 0 ? substr(panel_title[q], 1, gap_at - 1) : ""
        set label 1 over at screen left(c) + panel_width / 2, screen upper(r) + 12.0 / height center textcolor rgb ink
        set label 2 beside at screen 0.978, screen (upper(r) + lower(r)) / 2 center rotate by -90 textcolor rgb ink
    }
    if (!single && !grid) {
        set label 1 panel_title[q] at screen left(c), screen upper(r) + 10.0 / height left textcolor rgb ink \
            font (columns > 2 && strlen(panel_title[q]) > 28 ? "DejaVu Sans,9.5" : "DejaVu Sans,11.5")
    }
    if (single) {
        set key at screen 1 - (key_columns * 8.0 + 52) / width, screen 1 - 70.0 / height left top \
            vertical Left reverse samplen 2 spacing 1.3 title key_title left
    } else {
        unset key
    }
    colour(i) = single ? i : alone ? 1 : line[i]
    # A line ends at the longest of all, with a dot.
    plot for [i = 1:count] behind(i, q) using 1:2 with lines linewidth 1 linecolor rgb 0xC8C8C8 notitle, \
        for [i = 1:count] (banded ? data(i, q) : "/dev/null") using 1:3:4 with filledcurves \
            fillstyle transparent solid 0.22 noborder linetype colour(i) notitle, \
        for [i = 1:count] data(i, q) using 1:2 with lines linetype colour(i) notitle, \
        for [i = 1:count] data(i, q) using (longest[i]):(least[i]) every ::0::0 \
            with points linetype colour(i) notitle, \
        for [i = 1:(single ? count : 1)] keyentry with lines linetype i title (single ? label[i] : "")
    # Said once is enough.
    unset label 1001
    unset label 1002
    unset label 1003
    unset label 1004
    unset label 1005
    do for [i = 1:lines] {
        unset arrow i
        unset label 1100 + i
    }
}
unset multiplot
