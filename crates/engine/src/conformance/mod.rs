//! The conformance suite: what every store must do, races included.
//!
//! A case is an `async fn` that takes a fresh, empty store and panics where the store does not do
//! what the engine counts on. [`conformance_tests`](crate::conformance_tests) makes a test of each:
//!
//! ```ignore
//! async fn fresh() -> (Arc<dyn Store>, TempDir) {
//!     let folder = TempDir::new().unwrap();
//!     (Arc::new(OurStore::open(folder.path()).await), folder)
//! }
//! daemun_engine::conformance_tests!(crate::fresh);
//! ```
//!
//! The second value is kept until the test is over: a temporary directory, a database's name.
//! Numbers in the names of cases (`s28_…`) are those of the list of attacks this project keeps,
//! `f01_…` those of its list of faults.
//!
//! Nothing here knows how a store works, and time is what the cases say it is.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test suite: what fails here is a test"
)]

pub mod accounts;
pub mod adoption;
pub mod codes;
pub mod counters;
pub mod erasure;
pub mod import;
pub mod keys;
pub mod outbox;
pub mod revocations;
pub mod rotation;
pub mod service_keys;
pub mod sessions;
pub mod upkeep;
mod world;

/// Makes a test of every case of the suite. Takes the path, from the crate's root, of an `async fn`
/// that opens a fresh, empty store and returns it with whatever must live as long.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:path) => {
        $crate::conformance_tests! {
            @cases $fresh;
            rotation {
                the_current_token_rotates
                an_unknown_session_is_unknown
                s25_s29_a_retry_within_the_grace_gets_the_same_successor
                a_late_retry_is_recovered_and_audited
                a_recovery_is_remembered
                s26_an_old_token_ends_its_session
                s26_reuse_leaves_the_other_sessions_alone
                a_token_ahead_of_the_store_is_honoured
                the_largest_generation_is_kept
                s30_a_contradiction_changes_nothing
                s32_nothing_rotates_beyond_the_end
                s81_a_revoked_session_says_why
                f08_a_clock_that_steps_back_revives_nothing
                every_part_of_a_session_survives
                s28_f01_many_with_one_token_get_one_successor
                s28_many_strangers_with_one_token_are_never_all_served
                rotations_of_many_sessions_do_not_mix
            }
            sessions {
                a_login_is_remembered_and_audited
                s85_only_an_account_in_use_opens_sessions
                a_suspension_that_is_over_admits
                a_caller_needs_no_account
                s91_the_sessions_of_an_account_are_listed
                all_sessions_are_listed_in_order
                s33_a_login_never_outlives_a_suspension
                s85_a_login_is_admitted_only_where_the_account_is_in_use
                one_session_a_subject_however_many_begin_at_once
            }
            adoption {
                a_foreign_token_is_generation_one_of_a_session
                s28_many_who_present_one_foreign_token_open_one_session
                dead_and_unlisted_tokens_open_nothing
                s33_an_account_that_is_shut_out_adopts_nothing
                a_new_session_of_a_subject_replaces_the_one_before
                every_session_of_a_subject_ends
                f15_an_adopted_session_outlives_its_token
                f15_expired_foreign_tokens_are_forgotten
            }
            revocations {
                a_session_is_ended_once
                s82_another_accounts_session_is_not_ended
                s33_all_sessions_of_an_account_end
                s33_what_has_no_session_is_cut_off_too
                s33_leaving_active_ends_every_session
                a_status_that_stays_active_ends_nothing
                an_unknown_account_has_no_status
                a_dead_session_is_not_ended_again
                the_log_is_in_order_and_forgets
                the_numbers_of_the_log_never_repeat
                f08_a_clock_that_stepped_back_cuts_off_no_less
                many_who_end_one_session_end_it_once
                s33_no_rotation_survives_a_revocation
                f08_readers_of_the_log_never_miss_an_entry
                a_page_of_the_log_is_its_beginning
                the_log_keeps_its_name
            }
            accounts {
                an_account_is_found_by_its_address_and_id
                s71_addresses_that_differ_in_case_are_one
                a_phone_number_is_an_address_too
                a_taken_address_writes_nothing
                a_taken_nickname_comes_second
                s71_many_sign_ups_with_one_address_make_one_account
                many_sign_ups_with_one_nickname_make_one_account
                an_operators_account_needs_no_code
                an_unverified_account_is_replaced
                an_account_keeps_what_its_sign_up_brought
                what_is_taken_is_told
                a_replacement_takes_nobodys_nickname
                s66_a_hash_is_replaced_only_while_it_is_the_same
                accounts_are_listed_in_order
                accounts_are_listed_by_their_cut_offs
                a_deleted_accounts_number_is_not_given_again
            }
            codes {
                s74_a_code_works_once
                s74_five_wrong_tries_kill_a_code
                s74_a_new_code_kills_the_old
                s75_within_the_gap_nothing_is_sent_and_the_old_code_lives
                s75_a_day_has_so_many_codes
                s75_using_a_code_up_resets_no_gap
                s75_an_address_is_not_flooded_through_many_accounts
                s75_a_notice_counts_like_a_code
                s76_a_code_is_bound_to_account_and_address
                an_expired_code_is_refused
                a_code_brings_nobody_back
                s77_many_with_the_right_code_succeed_once
                s77_many_wrong_codes_in_parallel_use_up_the_tries
            }
            outbox {
                a_message_waits_for_whoever_sends_it
                a_held_message_is_nobody_elses_until_the_lease_ends
                f16_a_sent_message_is_gone
                a_failed_message_is_tried_again_or_given_up
                a_message_that_came_too_late_is_not_sent
                f16_two_workers_never_hold_one_message
                a_message_wakes_who_waits
            }
            upkeep {
                s92_the_trail_is_told_newest_first
                s92_the_trail_is_told_by_kind
                f15_what_is_over_is_purged
                f15_what_lives_is_not_purged
                an_answering_store_answers
                the_horizon_only_widens
                whoever_asks_for_changes_first_is_told_of_all
            }
            import {
                an_account_keeps_its_id_and_all_else
                ids_go_on_after_the_highest
                a_repeated_import_changes_nothing
                what_changed_at_its_source_changes_here
                the_later_login_counts
                s66_an_upgraded_hash_gives_way_only_to_a_new_password
                what_is_anothers_is_not_taken
                a_conflict_stops_nobody_else
                s33_a_suspension_at_the_source_ends_sessions_here
                s33_what_was_decided_here_stands
                s33_who_left_does_not_come_back
                who_was_erased_is_not_brought_back_by_an_import
                imported_accounts_are_not_swept_away
                s81_dead_wins_over_listed
            }
            keys {
                a_key_goes_through_its_states
                a_retired_key_is_gone
                keys_change_only_as_the_caller_knows_them
                many_who_add_the_first_key_add_one
            }
            erasure {
                what_is_personal_goes_when_it_is_due
                the_trail_of_an_erased_account_names_no_network
                an_erased_accounts_number_is_not_given_again
                f15_an_erasure_that_stops_is_gone_on_with
                who_is_erased_next_is_told
                who_comes_back_is_not_erased
                a_status_changes_only_as_the_caller_knows_it
                roles_are_given_and_taken
            }
            service_keys {
                a_service_key_is_kept_as_it_was_made
                two_living_service_keys_never_share_a_name
                a_service_key_is_revoked_once
            }
        }
    };
    (@cases $fresh:path; $($group:ident { $($case:ident)* })*) => {
        $(
            mod $group {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let (store, _keep) = $fresh().await;
                        $crate::conformance::$group::$case(store).await;
                    }
                )*
            }
        )*
    };
}

/// The same for counters that several processes share: takes an `async fn` that opens fresh, empty
/// ones.
#[macro_export]
macro_rules! counter_conformance_tests {
    ($fresh:path) => {
        $crate::counter_conformance_tests! {
            @cases $fresh;
            a_counter_is_set_by_who_knows_what_it_was
            counters_do_not_mix
            any_bytes_are_kept_as_they_are
            s70_many_who_change_one_counter_change_it_one_after_another
        }
    };
    (@cases $fresh:path; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (counters, _keep) = $fresh().await;
                $crate::conformance::counters::$case(counters).await;
            }
        )*
    };
}
