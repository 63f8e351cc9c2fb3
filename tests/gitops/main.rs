//! A whole GitOps tree, from plain Secrets to sealed files to native Secrets, and through what happens afterwards:
//! deletions, edits, rollbacks, crashes and renames.
//!
//! Black box: `bulla seal`, `bulla controller` and `bulla devcluster` run as processes, Git is Git, and what is right comes
//! from Kubernetes' own decoder (`golden`). `repo` is the Git repository, `cluster` what one does through the API,
//! `processes` the children, `leaks` looks for plain values where none may be, and `story` has the steps, which this file
//! puts into order.
#![allow(clippy::print_stderr, reason = "progress of a long test, for whoever watches it")]

mod cluster;
mod golden;
mod leaks;
mod processes;
mod repo;
mod story;

use story::Story;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_git_tree_becomes_the_secrets_that_it_states_and_stays_so() {
    let mut story = Story::begin().await;
    story.seals_the_whole_tree();
    story.applies_the_tree_in_the_order_of_git().await;

    story.deleted_secrets_come_back().await;
    story.secrets_that_are_deleted_again_and_again_come_back().await;
    story.edited_secrets_are_reverted().await;
    story.foreign_metadata_stays().await;

    story.an_edited_file_changes_the_cluster_and_git_revert_changes_it_back().await;
    story.an_immutable_secret_refuses_new_values_until_git_revert().await;
    story.a_removed_file_takes_its_secrets_along_and_git_revert_brings_them_back().await;

    story.a_crash_in_the_middle_loses_nothing().await;
    story.a_restart_costs_settled_objects_no_write().await;

    story.a_renamed_strict_object_is_refused_and_harms_nobody().await;
    story.a_renamed_namespace_wide_object_opens().await;

    story.no_plain_value_was_seen_anywhere().await;
}
