# The house style of every picture. Set before it is loaded: format ("svg" or "png"), output_file,
# heading, subject (which scenario), caption (host, commit, date). One size, two terminals: a PNG has
# twice the pixels (its letters are measured in points, those of an SVG in pixels). Nothing is
# enhanced, so that gp_policy is not a subscript.

width = 960
if (!exists("height")) { height = 560 }
if (format eq "png") {
    set terminal pngcairo size 2 * width, 2 * height font "DejaVu Sans,13" fontscale 1.5 \
        linewidth 2 pointscale 2 background "#ffffff" noenhanced
} else {
    set terminal svg size width, height dynamic font "DejaVu Sans,13" fontscale 1 linewidth 1 \
        background "#ffffff" noenhanced
}
set output output_file
set encoding utf8

# Okabe and Ito's colours, told apart with any kind of colour vision; the ninth begins again dashed.
colours = "#0072B2 #D55E00 #009E73 #E69F00 #56B4E9 #CC79A7 #000000 #F0E442"
do for [i = 1:16] {
    dash = i > 8 ? 2 : 1
    set linetype i linewidth 2 linecolor rgb word(colours, (i - 1) % 8 + 1) dashtype dash \
        pointtype 7 pointsize 0.6
}
ink = 0x303030
pale = 0x707070

set border 3 linewidth 1 linecolor rgb pale
set tics nomirror out scale 0.6, 0.3 textcolor rgb ink
set grid xtics ytics linetype -1 linecolor rgb 0xE2E2E2 linewidth 0.8
set key textcolor rgb ink

# Heading, subject and caption have lines of their own above and below the plot.
set label 1001 heading at screen 0.02, screen 1 - 22.0 / height left textcolor rgb ink \
    font "DejaVu Sans Bold,15"
set label 1002 subject at screen 0.02, screen 1 - 44.0 / height left textcolor rgb pale
set label 1003 caption at screen 0.02, screen 16.0 / height left textcolor rgb pale \
    font "DejaVu Sans,9.5"
set tmargin at screen 1 - 68.0 / height
set bmargin at screen 88.0 / height

# A logarithmic axis of nanoseconds in the units that people say; 2 to 9 in between are minor.
# "#" stands for the axis.
time_axis = 'set logscale #; set #tics (); \
    set #tics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, \
    "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8, "1 s" 1e9, "10 s" 1e10, "100 s" 1e11, "1000 s" 1e12); \
    do for [e = 0:11] { do for [m = 2:9] { set #tics add ("" m * 10.0 ** e 1) } }'
# The same for a narrow panel, and for one whose labels stand below another.
sparse_time_axis = 'set logscale #; set #tics (); \
    set #tics ("1 ns" 1, "" 10, "" 100, "1 µs" 1e3, "" 1e4, "" 1e5, "1 ms" 1e6, "" 1e7, "" 1e8, "1 s" 1e9, \
    "" 1e10, "" 1e11, "1000 s" 1e12)'
silent_time_axis = 'set logscale #; set #tics (); do for [e = 0:12] { set #tics add ("" 10.0 ** e) }'
in_axis(text, axis) = strstrt(text, "#") == 0 ? text : \
    text[1:strstrt(text, "#") - 1] . axis . in_axis(text[strstrt(text, "#") + 1:*], axis)
# The decade below and above a value, and a hair more, for the label at the end of the axis.
decade_below(x) = 0.999 * 10.0 ** floor(log10(x < 1 ? 1 : x))
decade_above(x) = 1.001 * 10.0 ** ceil(log10(x <= 1 ? 1.1 : x))
