//! The steps of part 6 of the Sealed Secrets specification, one by one; and where decision 13 of our design departs from them.

use serde_json::json;

use super::{annotated, anothers, check, mine, nobodys, record, with};

#[test]
fn every_step_of_part_6() {
    let edited = json!({"data": {"k": "eA=="}});
    let more = json!({"data": {"more": "eA=="}});
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    check(vec![
        // 6, 1 is `an_absent_secret_is_created_whole`.
        ("6, 2: nobody's, without a word", json!({}), nobodys(), None, "NotManaged"),
        ("6, 2: another's, without a word", json!({}), anothers(), None, "NotManaged"),
        ("6, 2: controlled by us, by uid", json!({}), json!({}), None, "leave"),
        ("6, 2: nobody's and `managed`", json!({}), with(nobodys(), &annotated(&["managed"])), None, "owner"),
        ("6, 2: another's and `managed`", json!({}), with(anothers(), &annotated(&["managed"])), None, "owner"),
        ("6, 2: nobody's and `patch`", json!({}), with(nobodys(), &annotated(&["patch"])), None, "leave, lent"),
        ("6, 2: another's and `patch`", json!({}), with(anothers(), &annotated(&["patch"])), None, "leave, lent"),
        (
            "6, 2: the template's own annotations give no right",
            annotated(&["managed", "patch"]),
            nobodys(),
            None,
            "NotManaged",
        ),
        (
            "2.2: only `true` counts",
            json!({}),
            with(nobodys(), &json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/managed": "yes"}}})),
            None,
            "NotManaged",
        ),
        (
            "6, 3: patch copies items over the live ones",
            json!({}),
            with(with(nobodys(), &annotated(&["patch"])), &edited),
            None,
            "data, merge, lent",
        ),
        (
            "6, 3: patch keeps other items",
            json!({}),
            with(with(nobodys(), &annotated(&["patch"])), &more),
            None,
            "leave, lent",
        ),
        (
            "6, 3: patch keeps other items of a Secret of ours, too",
            json!({}),
            with(annotated(&["patch"]), &more),
            mine(),
            "leave",
        ),
        (
            "6, 3: patch copies labels",
            label.clone(),
            with(nobodys(), &annotated(&["patch"])),
            None,
            "labels, merge, lent",
        ),
        (
            "6, 3: patch copies annotations",
            json!({"metadata": {"annotations": {"x": "y"}}}),
            with(nobodys(), &annotated(&["patch"])),
            None,
            "annotations, merge, lent",
        ),
        (
            "6, 3: patch keeps labels and annotations that are stated no longer",
            json!({}),
            with(annotated(&["patch"]), &json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}})),
            Some(record("secret", &["x"], &["x"])),
            "leave",
        ),
        (
            "6, 3: patch with absent data",
            json!({}),
            with(with(nobodys(), &annotated(&["patch"])), &json!({"data": null})),
            None,
            "data, merge, lent",
        ),
        ("6, 3: patch leaves the owner alone", json!({}), with(nobodys(), &annotated(&["patch"])), mine(), "leave"),
        (
            "6, 3: patch and managed takes over",
            json!({}),
            with(with(anothers(), &annotated(&["patch", "managed"])), &more),
            None,
            "owner, merge",
        ),
        (
            "6, 3: what counts is whether the result is managed",
            annotated(&["managed"]),
            with(nobodys(), &annotated(&["patch"])),
            None,
            "annotations+owner, merge",
        ),
        (
            "6, 3: and a template that says otherwise",
            json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/managed": "false"}}}),
            with(nobodys(), &annotated(&["patch", "managed"])),
            None,
            "annotations, merge, lent",
        ),
        (
            "6, 4: replace takes other items out",
            json!({}),
            with(with(nobodys(), &annotated(&["managed"])), &more),
            None,
            "data+owner",
        ),
        (
            "6, 4, but for decision 13: replace leaves foreign labels and annotations, `managed` among them",
            json!({}),
            with(annotated(&["managed"]), &json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}})),
            mine(),
            "leave",
        ),
        (
            "6, 4: replace takes out what the template named before",
            json!({}),
            label.clone(),
            Some(record("secret", &["x"], &[])),
            "labels",
        ),
        ("6, 5: another type", json!({"type": "kubernetes.io/tls"}), json!({}), None, "TypeChange"),
        (
            "6, 5: another type, patch",
            json!({}),
            with(with(nobodys(), &annotated(&["patch"])), &json!({"type": "kubernetes.io/tls"})),
            None,
            "TypeChange",
        ),
        (
            "6, 5: the type that is there",
            json!({"type": "kubernetes.io/tls"}),
            with(with(nobodys(), &annotated(&["patch"])), &json!({"type": "kubernetes.io/tls"})),
            None,
            "leave, lent",
        ),
        ("6, 6: immutable is asked for too late", json!({"immutable": true}), json!({}), None, "leave"),
        (
            "6, 6: nor is an adopted Secret made immutable",
            json!({"immutable": true}),
            with(nobodys(), &annotated(&["managed"])),
            None,
            "owner",
        ),
        ("6, 7: absent equals empty", json!({}), json!({"metadata": {"labels": {}}}), None, "leave"),
        ("6: no type is Opaque", json!({}), json!({"type": "Opaque"}), None, "leave"),
        ("6: Opaque is no type", json!({"type": "Opaque"}), json!({"type": null}), None, "leave"),
        ("6: data of an immutable Secret", json!({}), with(json!({"immutable": true}), &edited), None, "Immutable"),
        (
            "6: data of an immutable Secret, patch",
            json!({}),
            with(with(annotated(&["patch"]), &json!({"immutable": true})), &edited),
            None,
            "Immutable",
        ),
        (
            "6: other items of an immutable Secret, patch",
            json!({}),
            with(with(annotated(&["patch"]), &json!({"immutable": true})), &more),
            None,
            "leave",
        ),
        ("6: labels of an immutable Secret", label, json!({"immutable": true}), None, "labels"),
        (
            "6: skip-set-owner-references without managed, which we created",
            annotated(&["skip-set-owner-references"]),
            with(nobodys(), &annotated(&["skip-set-owner-references"])),
            mine(),
            "leave",
        ),
        (
            "6: skip-set-owner-references without managed, which we did not create",
            annotated(&["skip-set-owner-references"]),
            with(nobodys(), &annotated(&["skip-set-owner-references"])),
            None,
            "NotManaged",
        ),
        (
            "6: skip-set-owner-references with managed",
            annotated(&["skip-set-owner-references", "managed"]),
            with(nobodys(), &annotated(&["skip-set-owner-references", "managed"])),
            None,
            "leave, lent",
        ),
        (
            "6 (#1599): an earlier SealedSecret's of the same name",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a", "uid": "earlier", "controller": true}]}}),
            mine(),
            "NotManaged",
        ),
    ]);
}
