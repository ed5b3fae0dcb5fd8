using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Kvm.Locks;

namespace Livebed.Driver.Tests.Results;

/// <summary>When a run is valid, invalid or unknown, and the sentences that say why.</summary>
public sealed class VerdictTests
{
    private static readonly Campaign _campaign = new() { Name = "c" };
    private static readonly RunOutcome _good = new() { Counts = new() { Accesses = 1_000, ChecksEvaluated = 20 } };
    private static readonly ViolationResult _violation = new("S6", "page 3 was lost", null, null, null, null, null, [], []);

    [Fact]
    public void A_run_that_did_its_work_and_found_nothing_is_valid()
    {
        var verdict = Verdict.Judge(_campaign, _good);
        Assert.Equal(VerdictKind.Valid, verdict.Kind);
        Assert.Equal(["20 checks over 1,000 guest accesses found nothing lost, stale or stuck."], verdict.Reasons);
    }

    [Fact]
    public void A_violation_makes_it_invalid_and_is_named_with_its_number()
    {
        var verdict = Verdict.Judge(_campaign, _good with { Violations = [_violation, _violation] });
        Assert.Equal(VerdictKind.Invalid, verdict.Kind);
        Assert.Equal(["Invariant S6 was violated (2 times): page 3 was lost."], verdict.Reasons);
    }

    [Theory]
    [InlineData(HangKind.Deadlock, "Deadlock: all wait.")]
    [InlineData(HangKind.OrphanedHold, "OrphanedHold: all wait.")]
    [InlineData(HangKind.Starvation, "Starvation: all wait.")]
    public void A_hang_makes_it_invalid(HangKind kind, string reason)
    {
        var verdict = Verdict.Judge(_campaign, _good with { Hangs = [new(kind, "L2", "all wait", 1, [], [])] });
        Assert.Equal((VerdictKind.Invalid, reason), (verdict.Kind, Assert.Single(verdict.Reasons)));
    }

    [Fact]
    public void A_leak_of_any_kind_makes_it_invalid()
    {
        LeakResult[] leaks = [new() { Frames = 1 }, new() { Subscriptions = 1 }, new() { Activations = 1 }, new() { Locks = 1 }];
        Assert.All(leaks, leak => Assert.Equal(VerdictKind.Invalid, Verdict.Judge(_campaign, _good with { Leaks = leak }).Kind));
    }

    [Fact]
    public void A_minimum_that_was_not_reached_makes_it_unknown()
    {
        var campaign = _campaign with { Minimum = new() { ["accesses"] = 1_001, ["teardowns"] = 1, ["checksEvaluated"] = 20 } };
        var verdict = Verdict.Judge(campaign, _good);
        Assert.Equal(VerdictKind.Unknown, verdict.Kind);
        Assert.Equal(
            ["Too little was done: accesses is 1,000, the campaign asks for at least 1,001.",
                "Too little was done: teardowns is 0, the campaign asks for at least 1."],
            verdict.Reasons);
    }

    [Fact]
    public void A_minimum_is_scaled_down_with_the_duration_and_the_sentence_says_from_what()
    {
        var campaign = _campaign with { Duration = TimeSpan.FromSeconds(3), Minimum = new() { ["accesses"] = 10_010, ["faults"] = 7 } };
        campaign.ScaleMinimum(TimeSpan.FromSeconds(30), ["accesses", "teardowns"]);
        Assert.Equal([("accesses", 1_001L), ("faults", 7L)], campaign.Minimum.Select(entry => (entry.Key, entry.Value)));
        Assert.Equal(
            ["Too little was done: accesses is 1,000, the campaign asks for at least 1,001 in 3 s, as for 10,010 in its own 30 s.",
                "Too little was done: faults is 0, the campaign asks for at least 7."],
            Verdict.Judge(campaign, _good).Reasons);
    }

    [Fact]
    public void A_minimum_is_not_scaled_up()
    {
        var campaign = _campaign with { Minimum = new() { ["accesses"] = 10 } };
        campaign.ScaleMinimum(campaign.Duration / 2, ["accesses"]);
        Assert.Equal(10, campaign.Minimum["accesses"]);
    }

    [Theory]
    [InlineData(1_000, 4, 100, 100, "0.004 of it, the campaign asks for at least 0.5; "
        + "4 of 1,000 host-event operations that were due were started.")]
    [InlineData(
        10, 10, 90_000_000, 1_200_000,
        "0.013 of it, the campaign asks for at least 0.5; guests executed 1.2 s of 90.0 s of their programs.")]
    [InlineData(10, 5, 10, 5, null)]
    [InlineData(0, 0, 0, 0, null)]
    public void A_load_of_which_too_little_was_delivered_makes_it_unknown(
        long due, long started, long programDue, long executed, string? reason)
    {
        var load = new Dictionary<string, OperationLoad> { ["host-event"] = new(due, started, 0) };
        var verdict = Verdict.Judge(_campaign, _good with { Load = new(load, programDue, executed) });
        Assert.Equal(reason is null ? VerdictKind.Valid : VerdictKind.Unknown, verdict.Kind);
        if (reason is not null) Assert.Equal("Too little of the load was delivered: " + reason, Assert.Single(verdict.Reasons));
        Assert.Equal(
            VerdictKind.Valid,
            Verdict.Judge(_campaign with { MinimumDeliveredShare = 0 }, _good with { Load = new(load, programDue, executed) }).Kind);
    }

    [Fact]
    public void A_case_that_was_met_less_often_than_asked_makes_it_unknown_and_is_named()
    {
        var campaign = _campaign with { Reached = new() { ["fault-retried"] = 2, ["ring-full"] = 1 } };
        var verdict = Verdict.Judge(campaign, _good with { Reached = new Dictionary<string, long> { ["fault-retried"] = 2 } });
        Assert.Equal(VerdictKind.Unknown, verdict.Kind);
        Assert.Equal(
            ["The case ring-full was met 0 times, the campaign asks for at least 1: a vCPU left the guest with a full dirty ring."],
            verdict.Reasons);
    }

    [Fact]
    public void A_run_that_did_nothing_is_unknown_whatever_the_campaign_asks_for()
    {
        var verdict = Verdict.Judge(_campaign with { Minimum = [] }, new RunOutcome());
        Assert.Equal((VerdictKind.Unknown, "The run did nothing."), (verdict.Kind, Assert.Single(verdict.Reasons)));
    }

    [Fact]
    public void Lost_contact_makes_it_unknown()
    {
        Assert.Equal(VerdictKind.Unknown, Verdict.Judge(_campaign, _good with { ContactLost = ["an audit gave up"] }).Kind);
        Assert.Equal(VerdictKind.Unknown, Verdict.Judge(_campaign, _good with { Silos = [new("a", "b", 1, ContactLost: true)] }).Kind);
    }

    [Fact]
    public void An_interrupted_run_is_unknown() =>
        Assert.Equal(VerdictKind.Unknown, Verdict.Judge(_campaign, _good with { Interrupted = true }).Kind);

    [Fact]
    public void What_was_found_stands_although_contact_was_lost()
    {
        var verdict = Verdict.Judge(_campaign, _good with { Violations = [_violation], ContactLost = ["silo 2 died"] });
        Assert.Equal(VerdictKind.Invalid, verdict.Kind);
        Assert.Equal(2, verdict.Reasons.Count);
    }
}
