//! The tests of slopefield-plugin-check as one program. What needs the program that runs tests in
//! processes of their own is tested with the command line.

mod documentation;
