mod cloud;
mod official;
