//! The commands of sops, one file each.

mod decrypt;
mod edit;
mod encrypt;
mod exec_env;
mod exec_file;
mod filestatus;
mod groups;
mod publish;
mod rotate;
mod set;
mod unset;
mod updatekeys;
