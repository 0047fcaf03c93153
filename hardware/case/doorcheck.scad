// The case of a doorcheck box: front, back and camera carrier, three prints without support.
//
//   openscad -D 'camera="3"' -D 'board="4B"' -D 'part="front"' -o front.stl doorcheck.scad
//   hardware/make case      every combination, with pictures
//
// Millimetres. x and y are the visitor's, from the middle of the front. The front and the
// carrier lie on their faces on the printer, so there their left is the visitor's right:
// seen() mirrors. Dimensions of cameras and boards are nominal, from their makers' drawings.

include <shapes.scad>  // the front's layout and the lamps' windows: written by `hardware/make case`

/* [What is built] */
part = "assembly";  // [front, back, carrier, assembly, open, none]
camera = "3";       // [1, 2, 3, HQ]
board = "4B";       // [Zero 2 W, 3B, 4B, 5]
built = "";         // a folder with front.stl, back.stl, carrier.stl: shown, not built anew

/* [Printing] */
nozzle = 0.4;
wall = 2.4;         // outer walls: six lines of the nozzle
face = 2.4;         // the front's thickness
back = 3;           // the back's thickness
play = 0.3;         // between parts that go into each other

/* [Screws] */
insert_d = 4.0;     // hole for an M3 heat-set insert
pilot_m25 = 2.1;    // an M2.5 screw cuts its own thread
pilot_m2 = 1.7;     // so does an M2

/* [Layout] */
sound_y = -54;
light_x = 36;       // the illuminator's slots, left and right of the camera

/* [Lamps] */
chamber = 40;       // a lamp's light box, inside; an opal sheet with clipped corners lies in it, on the front
chamber_depth = 22; // from the sheet to the LEDs: less shows them as spots
chamber_wall = 1.6;

/* [Camera window] */
window = 28;        // the clear sheet, square
window_t = 2;
lens_gap = 2.5;     // from the lens to the sheet: room for the autofocus to move

/* [Hidden] */
$fn = 40;
e = 0.01;
pilot_depth = 8;
post_d = 8.4;
foot = 5;           // the boards' height over the back
driver = [70, 50, [66, 46], 14];  // w, h, hole spacing, height with parts
ribbon = 6;         // room for the camera's cable to turn
clear = 2;          // between what is at the front and what is at the back
plug = 28;          // below the board, for an angled power plug
led_board = 7;      // lamp board, solder and wires, behind the chambers

// name, board w, h, hole spacing x, y, holes' middle above the lens, lens, round lens,
// what stands before the board, what stands behind it, field of view h, v
cameras = [
    ["1",  25, 24.0, 21, 12.5, 6.25, 8.8,  false, 5.9,  4, 53.5, 41.4],
    ["2",  25, 23.9, 21, 12.5, 6.25, 8.8,  false, 5.9,  4, 62.2, 48.8],
    ["3",  25, 23.9, 21, 12.5, 6.25, 10.8, false, 7.6,  4, 66.0, 41.0],
    ["HQ", 38, 38.0, 30, 30.0, 0,    37.0, true,  47.0, 4, 63.0, 48.0],  // with the 6 mm CS lens
];
// name, w, h, hole spacing x, y, first hole, height above the board with plugs, watts
boards = [
    ["Zero 2 W", 65, 30, 58, 23, 3.5, 16, 3],
    ["3B",       85, 56, 58, 49, 3.5, 20, 6],
    ["4B",       85, 56, 58, 49, 3.5, 20, 7],
    ["5",        85, 56, 58, 49, 3.5, 24, 9],  // with its cooler
];
c = cameras[search([camera], cameras)[0]];
b = boards[search([board], boards)[0]];
assert(!is_undef(c), str("camera ", camera, ": choose 1, 2, 3 or HQ"));
assert(!is_undef(b), str("board ", board, ": choose Zero 2 W, 3B, 4B or 5"));

// From the outer face, inwards
lens_to_face = face + window_t + lens_gap;
camera_board = lens_to_face + c[8];
camera_stack = camera_board + 1.6 + c[9];
boss = 2;
carrier_t = 2.4;
tube_h = camera_board - boss - carrier_t;    // the light shield ends at the carrier
tube_in = max(window + play, c[7] ? c[6] + 3 : 0);
tube_post = tube_in / 2 + 2.6;               // middle of the posts for the carrier's screws, one with the corners
lamp_stack = face + chamber_depth + led_board;

board_stack = foot + 1.6 + b[6];
driver_stack = foot + 1.6 + driver[3];
depth = max(camera_stack + ribbon + board_stack, lamp_stack + clear + driver_stack) + back;
shell = depth - back;

inner = [width - 2 * wall, height - 2 * wall];
board_at = [(b[1] > 70 ? 8 : 0) - b[1] / 2, -inner[1] / 2 + plug];  // lower left corner, its feet clear of the VESA screws
driver_at = [0, inner[1] / 2 - 6 - driver[1] / 2];
posts = [for (x = [-1, 1], y = [-1, 1]) [x * (inner[0] / 2 - 4.6), y * (inner[1] / 2 - 4.6)]];
vesa = [for (x = [-1, 1], y = [-1, 1]) [x * 37.5, y * 37.5]];
exits = [-50, 50];
exit_w = 8;
vent_w = 3;
vent_n = 9;
vent_z = [14, shell - 14];
vent_mm2 = vent_n * vent_w * (vent_z[1] - vent_z[0]);  // at the bottom, and again at the top

echo(str("case ", camera, "/", board, " width=", width, " height=", height, " depth=", depth,
    " lens_to_face=", lens_to_face, " shield=", tube_h));
for (n = [0 : len(window_names) - 1]) echo(str("lamp ", window_names[n], " x=", lamp_x(n), " y=", lamps_y));

// What would make a bad print or a bad box
half_diagonal = atan(sqrt(pow(tan(c[10] / 2), 2) + pow(tan(c[11] / 2), 2)));
assert(lens_gap >= 1.5 && lens_gap <= 6, "the lens must be 1.5 to 6 mm behind the window");
assert(aperture / 2 >= tan(half_diagonal) * lens_to_face + 2, "the window's edge is in the picture");
assert(window >= aperture + 4, "the window needs 2 mm of glue around the aperture");
assert(tube_h >= window_t + 2, "the light shield is too short to hold the window");
assert(wall >= 4 * nozzle && face >= 4 * nozzle && chamber_wall >= 3 * nozzle, "walls are too thin");
assert((post_d - insert_d) / 2 >= 1.6, "the screw posts are too thin for inserts");
assert(shape_r + 2 <= chamber / 2, "a lamp's shape is larger than its chamber");
assert(chamber_depth >= 18, "the lamps' LEDs would show as spots");
assert(lamps_pitch >= chamber + chamber_wall, "the lamps' chambers overlap: light leaks from one to the next");
assert(lamps_pitch + chamber / 2 + chamber_wall <= posts[3][0] - post_d / 2, "the lamps touch the corner posts");
assert(lamps_y + chamber / 2 + chamber_wall <= inner[1] / 2, "the lamps touch the top");
assert(lamps_y - chamber / 2 - chamber_wall >= ready_at[1] + 4, "the lamps touch the ready dot");
assert(abs(ready_at[0]) >= light_x + 8 && abs(ready_at[0]) <= inner[0] / 2 - 6, "the ready dot has no room");
assert(lamps_y - chamber / 2 - chamber_wall >= camera_y + tube_post + 3, "the lamps touch the light shield");
assert(light_x - 6 >= tube_post + 2, "the illuminator touches the light shield");
assert(camera_y - tube_in / 2 - chamber_wall >= sound_y + 15.5, "the sounder touches the light shield");
assert(sound_y - 15.5 >= -inner[1] / 2, "the sounder touches the bottom");
assert(depth - back - camera_stack - board_stack >= ribbon - e, "the camera touches the board");
assert(depth - back - lamp_stack - driver_stack >= clear - e, "the lamps touch the driver board");
assert(board_at[1] + b[2] + 4 <= driver_at[1] - driver[1] / 2, "the board touches the driver board");
assert(abs(board_at[0]) <= inner[0] / 2 - 3 && board_at[0] + b[1] <= inner[0] / 2 - 3, "the board is too wide");
for (v = vesa, h = holes()) assert(norm(v - h) >= 7, "a VESA screw's head touches a board's foot");
assert(vent_mm2 >= 40 * b[7], "too few vents for the board's heat");
assert(width <= 210 && height <= 210 && depth <= 110, "larger than a common printer's bed");

function lamp_x(n) = (n - (len(window_names) - 1) / 2) * lamps_pitch;
function holes() = concat(
    [for (x = [0, 1], y = [0, 1]) board_at + [b[5] + x * b[3], b[5] + y * b[4]]],
    [for (x = [-1, 1], y = [-1, 1]) driver_at + [x * driver[2][0], y * driver[2][1]] / 2]);

if (part == "front") front();
if (part == "back") backplate();
if (part == "carrier") carrier();
if (part == "assembly") assembled(0) { shown("front", "#3b4048") front(); shown("back", "#3b4048") backplate(); carrier(); }
if (part == "open") assembled(70) {
    shown("front", "#59616d") front();
    shown("back", "#8a929e") backplate();
    shown("carrier", "#c9b27a") carrier();
}

module shown(name, colour) color(colour) {
    if (built == "") children();
    else import(str(built, "/", name, ".stl"), convexity = 8);
}
module seen() mirror([1, 0, 0]) children();

module slab(size, r, h) linear_extrude(h) offset(r) square([size[0] - 2 * r, size[1] - 2 * r], center = true);

module frame(inside, thick, h) linear_extrude(h) difference() {
    square([inside[0] + 2 * thick, inside[1] + 2 * thick], center = true);
    square(inside, center = true);
}

module tube(d_in, d_out, h) difference() {
    cylinder(d = d_out, h = h);
    translate([0, 0, -e]) cylinder(d = d_in, h = h + 2 * e);
}

module post(d, hole, h, deep) difference() {
    cylinder(d = d, h = h);
    translate([0, 0, h - deep]) cylinder(d = hole, h = deep + e);
}

module front() seen() {
    difference() {
        union() {
            slab([width, height], 6, face);
            linear_extrude(shell) difference() {
                offset(6) square([width - 12, height - 12], center = true);
                offset(3.6) square([inner[0] - 7.2, inner[1] - 7.2], center = true);
            }
        }
        for (n = [0 : len(window_names) - 1]) translate([lamp_x(n), lamps_y, -e])
            linear_extrude(face + 2 * e) scale(shape_r) for (ring = window_rings[n]) polygon(ring);
        translate([ready_at[0], ready_at[1], -e]) cylinder(d = 5.2, h = face + 1);
        translate([0, camera_y, -e]) cylinder(d1 = aperture + 2 * face, d2 = aperture, h = face + 2 * e);
        for (x = [-1, 1]) translate([x * light_x, camera_y, 0]) cube([6, 30, 3 * face], center = true);
        translate([0, sound_y, -e]) grille();
        for (x = exits) translate([x, -height / 2, shell - exit_w / 2 + e]) rotate([90, 0, 0]) cable();
        vents();
    }
    for (n = [0 : len(window_names) - 1]) translate([lamp_x(n), lamps_y, face - e]) chamber_box();
    translate([ready_at[0], ready_at[1], face - e]) tube(5.2, 8, 8);
    translate([0, camera_y, face - e]) shield();
    for (x = [-1, 1]) translate([x * light_x, camera_y, face - e]) frame([9, 33], 1.2, 10);
    translate([0, sound_y, face - e]) tube(27.6, 30.8, 5);
    for (at = posts) translate([at[0], at[1], face - e]) post(post_d, insert_d, shell - face, 7);
}

module chamber_box() {
    frame([chamber, chamber], chamber_wall, chamber_depth);
    for (x = [-1, 1], y = [-1, 1]) translate([x, y, 0] * (chamber / 2 - 2)) post(5, pilot_m25, chamber_depth, pilot_depth);
}

module shield() {
    h = tube_h - face;
    frame([tube_in, tube_in], chamber_wall, h);
    for (x = [-1, 1], y = [-1, 1]) translate([x * tube_post, y * tube_post, 0]) post(6, pilot_m25, h, min(pilot_depth, h));
    if (tube_in > window + play) frame([window + play, window + play], 1.6, 3);
}

module grille() for (r = [0, 5, 10]) for (n = [0 : max(0, r * 6 / 5 - 1)])
    rotate(n * 300 / max(r, 1)) translate([r, 0, 0]) cylinder(d = 2.6, h = face + 1, $fn = 16);

module cable() translate([0, 0, -2 * wall]) linear_extrude(4 * wall) union() {
    circle(d = exit_w);
    translate([-exit_w / 2, 0]) square([exit_w, exit_w]);
}

module vents() for (y = [-1, 1], n = [0 : vent_n - 1])
    translate([(n - (vent_n - 1) / 2) * 8, y * (height - wall) / 2, (vent_z[0] + vent_z[1]) / 2])
        cube([vent_w, 3 * wall, vent_z[1] - vent_z[0]], center = true);

module carrier() seen() difference() {
    side = 2 * tube_post + 6;
    union() {
        slab([side, side], 3, carrier_t);
        for (at = camera_holes()) translate([at[0], at[1], carrier_t - e]) cylinder(d = 4.6, h = boss);
    }
    for (at = camera_holes()) translate([at[0], at[1], -e]) cylinder(d = c[7] ? pilot_m25 : pilot_m2, h = 9);
    for (x = [-1, 1], y = [-1, 1]) translate([x * tube_post, y * tube_post, -e]) cylinder(d = 2.9, h = 9);
    if (c[7]) translate([0, 0, -e]) cylinder(d = c[6], h = 9);
    else cube([c[6], c[6], 20], center = true);
}
function camera_holes() = [for (x = [-1, 1], y = [-1, 1]) [x * c[3] / 2, c[5] + y * c[4] / 2]];

module backplate() {
    difference() {
        union() {
            slab([width, height], 6, back);
            translate([0, 0, back - e]) rim();
        }
        for (at = posts) translate([at[0], at[1], -e]) { cylinder(d = 3.4, h = 20); cylinder(d1 = 6.8, d2 = 3.4, h = 1.9); }
        for (at = vesa) translate([at[0], at[1], -e]) cylinder(d = 4.5, h = 20);
        for (x = [-1, 1]) translate([x * 58, 40, -e]) keyhole();
        for (x = exits, dx = [-6, 6]) translate([x + dx, -inner[1] / 2 + 12, -e]) slab([3, 6], 1, 20);
    }
    for (at = holes()) translate([at[0], at[1], back - e]) post(6, pilot_m25, foot, foot - e);
}

module rim() difference() {
    frame_in = [inner[0] - 2 * play - 3.2, inner[1] - 2 * play - 3.2];
    frame(frame_in, 1.6, 3);
    for (at = posts) translate([at[0], at[1], -1]) cylinder(d = post_d + 2 * play + 1, h = 9);
    for (x = exits) translate([x, -inner[1] / 2, 0]) cube([exit_w + 2, 12, 20], center = true);
}

module keyhole() {
    cylinder(d = 9, h = 20);
    translate([-2.25, 0, 0]) cube([4.5, 12, 20]);
    translate([0, 12, 0]) cylinder(d = 4.5, h = 20);
}

// children: front, back, carrier; in the visitor's view, pulled apart by that much
module assembled(apart) {
    children(1);
    translate([0, 0, depth + 2 * apart]) rotate([0, 180, 0]) children(0);
    if (apart > 0) {
        translate([0, camera_y, depth - tube_h + apart]) rotate([0, 180, 0]) children(2);
        translate([0, 0, back + foot]) {
            color("#2e7d4f") translate([board_at[0], board_at[1], 0]) cube([b[1], b[2], 1.6]);
            color("#7a5a2e") translate([driver_at[0] - driver[0] / 2, driver_at[1] - driver[1] / 2, 0]) cube([driver[0], driver[1], 1.6]);
        }
    } else translate([0, 0, depth]) windows();
}

module windows() {
    for (n = [0 : len(window_names) - 1]) color(window_colours[n]) translate([lamp_x(n), lamps_y, -face - 1]) cube([chamber, chamber, 1], center = true);
    color("#ffffff") translate([ready_at[0], ready_at[1], -2]) cylinder(d = 5, h = 2);
    color("#10141a") translate([0, camera_y, -face - 1]) cube([window, window, 1], center = true);
    for (x = [-1, 1]) color("#e8e8e0") translate([x * light_x, camera_y, -face - 1]) cube([9, 33, 1], center = true);
}
