mod cloud;
mod mini_program;
mod official;
