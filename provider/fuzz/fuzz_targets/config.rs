#![no_main]

countersign_fuzz::target!(Config);
