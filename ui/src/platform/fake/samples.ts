// What the recorded host has to show: the pelt counts of the Hudson Bay Company (thousands a year, Hewitt 1921,
// Elton & Nicholson 1942), two examples and two plugins.

import type { ExampleInfo, PluginList, RecentProject } from "../../generated/api";

export const PELTS_CSV = `year,hare_thousands,lynx_thousands
1900,30.0,4.0
1901,47.2,6.1
1902,70.2,9.8
1903,77.4,35.2
1904,36.3,59.4
1905,20.6,41.7
1906,18.1,19.0
1907,21.4,13.0
1908,22.0,8.3
1909,25.4,9.1
1910,27.1,7.4
1911,40.3,8.0
1912,57.0,12.3
1913,76.6,19.5
1914,52.3,45.7
1915,19.5,51.1
1916,11.2,29.7
1917,7.6,15.8
1918,14.6,9.7
1919,16.2,10.1
1920,24.7,8.6
`;

export const MODEL = `model "Hare and lynx, Hudson Bay"

# Lotka–Volterra: hares grow, lynxes eat them, both in thousands of pelts.
time t {year}

state hare = 30 {thousand}  in [0, 500]
state lynx = 4  {thousand}  in [0, 500]

param alpha = 0.7   {1/year}           in [0.01, 5]     log   # growth of the hare
param beta  = 0.04  {1/(thousand*year)} in [0.0001, 1]  log   # predation
param gamma = 0.6   {1/year}           in [0.01, 5]     log   # death of the lynx
param delta = 0.018 {1/(thousand*year)} in [0.0001, 1]  log   # hares into lynxes

let eaten = beta*hare*lynx

hare' = alpha*hare - eaten
lynx' = -gamma*lynx + delta*hare*lynx

observe hare_pelts = hare  with lognormal(sigma_hare)
observe lynx_pelts = lynx  with lognormal(sigma_lynx)
param sigma_hare = 0.4 in [0.01, 2] log
param sigma_lynx = 0.4 in [0.01, 2] log
`;

export const EMPTY_MODEL = `model "Untitled"

state x = 1
param k = 0.5 in [0.01, 5] log

x' = -k*x
`;

export const EXAMPLES: ExampleInfo[] = [
  { id: "hare-lynx", title: "Hare and lynx, Hudson Bay", summary: "Four rates of a predator–prey cycle from twenty-one years of pelt counts; the last six years are held out." },
  { id: "hare-lynx-network", title: "Hare and lynx with a learned encounter", summary: "The same counts, but a small network learns what happens when the two species meet." },
  { id: "influenza", title: "Influenza in a boarding school", summary: "An epidemic of two weeks in 1978: how contagious it was and how long boys stayed in bed." },
];

export const RECENT: RecentProject[] = [
  { path: "/home/ada/studies/hare-lynx.slopefield", title: "Hare and lynx, Hudson Bay", opened_ms: Date.UTC(2026, 9, 30, 14, 5), exists: true },
  { path: "/home/ada/studies/theophylline.slopefield", title: "Theophylline, twelve subjects", opened_ms: Date.UTC(2026, 9, 21, 9, 40), exists: true },
  { path: "/media/usb/old/blowflies.slopefield", title: "Nicholson's blowflies", opened_ms: Date.UTC(2026, 7, 2, 16, 20), exists: false },
];

export const PLUGINS: PluginList = {
  plugins: [
    {
      id: "org.slopefield.rosenbrock",
      name: "Rosenbrock solvers",
      version: "0.1.0",
      license: "MIT OR Apache-2.0",
      path: "/home/ada/.local/share/slopefield/plugins/rosenbrock",
      solvers: [
        ["org.slopefield.rosenbrock/ros3p", "ROS3P, order 3, stiff"],
        ["org.slopefield.rosenbrock/rodas4", "RODAS4, order 4, stiff"],
      ],
      networks: [],
      trust: { state: "trusted", changes: [], publisher: ["A. Lovelace"], homepage: "", manifest: "5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d", library: "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" },
      problem: null,
    },
    {
      id: "org.example.kan",
      name: "Kolmogorov–Arnold networks",
      version: "0.3.2",
      license: "BSD-3-Clause",
      path: "/home/ada/.local/share/slopefield/plugins/kan",
      solvers: [],
      networks: [["org.example.kan/kan", "Spline edges, summed nodes"]],
      trust: { state: "not-trusted", changes: [], publisher: ["Somebody"], homepage: "", manifest: "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", library: "7777777777777777777777777777777777777777777777777777777777777777" },
      problem: "It was built for plugin interface 2; this program speaks 1. Ask its author for a build for interface 1.",
    },
    {
      id: "org.example.multirate",
      name: "Multirate solvers",
      version: "0.2.0",
      license: "MIT",
      path: "/home/ada/.local/share/slopefield/plugins/multirate",
      solvers: [["org.example.multirate/mri3", "MRI-GARK, order 3"]],
      networks: [],
      trust: { state: "disabled", changes: [], publisher: ["Somebody else"], homepage: "", manifest: "3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b", library: "9292929292929292929292929292929292929292929292929292929292929292" },
      problem: "the plugin org.example.multirate is disabled: its process died 2 times in a row, the last time with: ended while it was working (signal: 11 (SIGSEGV)); enable it again with `slopefield plugin enable org.example.multirate`, or on the Plugins screen",
    },
  ],
  folders: ["/home/ada/.local/share/slopefield/plugins", "/usr/lib/slopefield/plugins"],
};
