#![no_main]

countersign_fuzz::target!(Certificate);
