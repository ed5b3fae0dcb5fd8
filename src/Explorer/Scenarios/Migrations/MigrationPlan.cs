using Livebed.Explorer.Beds.Migrations;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>What the migration scenarios have in common: two hosts, a VM that has run for a while, and a look at every page when all is
/// over.</summary>
internal static class MigrationPlan
{
    /// <summary>What <see cref="Postcopy"/> is while it is not set.</summary>
    private const int Either = 2;

    /// <summary>Which dirty log: 1 plain bitmap, 2 manual clear, 3 initially all set, 4 rings.</summary>
    public static readonly ScenarioParameter Log = new(
        "log", "dirty log: 1 bitmap, 2 manual clear, 3 initially-all-set, 4 rings; 0: drawn from the seed", 0, 0, (int)DirtyLogMode.Ring)
    {
        Drawn = new ParameterDraw((int)DirtyLogMode.InitiallySet, (int)DirtyLogMode.Bitmap, (int)DirtyLogMode.Ring, 0x006C_6F67UL),
    };

    public static readonly ScenarioParameter Rounds = new("rounds", "rounds of pre-copy", 2, 1, 8);

    public static readonly ScenarioParameter Postcopy = new(
        "postcopy", "0 stays in pre-copy, 1 goes over to post-copy after the rounds; 2: drawn from the seed", Either, 0, Either)
    {
        Drawn = new ParameterDraw(Plain: 0, Min: 0, Max: 1, 0x706F_7374UL),
    };

    /// <summary>About as long as a migration takes with two rounds, and the guest after it.</summary>
    public static readonly ScenarioParameter Within = new("within", "microseconds in which the death comes", 300, 1, 5_000);

    /// <summary>So many rounds whatever they send, and then the switchover: steps are no measure of bandwidth.</summary>
    public static MigrationParameters AfterRounds(int rounds) => new()
    {
        MaxBandwidth = 0,
        DowntimeLimitMicroseconds = 0,
        RoundsMax = rounds,
        TimeoutAction = TimeoutAction.Suspend,
        BatchPages = 64,
    };

    /// <summary>Nothing cancels, and a broken link is repaired: so every migration completes (L5).</summary>
    public static void MustComplete(ScenarioPlan plan) => plan.After(stage =>
    {
        if (stage.Migration is { Result: { Status: not MigrationStatus.Completed } info })
            stage.Bed.World.Observer.Violated(
                new Violation(Invariants.MigrationProgress, $"the migration is {info.Status}: {info.Reason}"));
        return ValueTask.CompletedTask;
    });

    /// <summary>The rounds, and then the switchover or post-copy; a link that does not come back is waited for, but not for long.</summary>
    public static MigrationParameters AfterRoundsOf(ScenarioPlan plan)
    {
        var rounds = plan.Parameter(Rounds.Name);
        return plan.Parameter(Postcopy.Name) == 0
            ? AfterRounds(rounds)
            : AfterRounds(rounds + 1) with { PostcopyAfterRounds = rounds, RecoveryLimitMicroseconds = 2_000 };
    }

    /// <summary>When death comes. A strategy that is to choose among so many steps chooses an early one nearly always, so the seed says how
    /// long it waits at least.</summary>
    /// <param name="plan">the plan</param>
    /// <param name="isLinkBroken">a source that has paused looks once a millisecond whether it is to recover: then death waits, in half of
    /// the schedules, for about that</param>
    public static long DrawDeath(ScenarioPlan plan, bool isLinkBroken = false) =>
        1 + plan.Random.Next(plan.Parameter(Within.Name)) + (isLinkBroken && plan.Random.Chance(0.5) ? 950 : 0);

    /// <summary>In post-copy the link breaks too, in half of the schedules, and is mended: so that death may come while the migration is
    /// paused, or recovers.</summary>
    /// <param name="plan">the plan</param>
    /// <param name="isRepaired">otherwise the link breaks for good</param>
    /// <returns>whether it does</returns>
    public static bool DrawBrokenLink(ScenarioPlan plan, bool isRepaired = true)
    {
        if (!plan.Random.Chance(0.5) || plan.Parameter(Postcopy.Name) == 0) return false;
        plan.Actor("wire").BreakLink(new LinkBreak(LinkMessage.Page, BrokenLink.Pages, isRepaired));
        return true;
    }

    public static void LayOutHosts(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Hosts = 2, DirtyLog = (DirtyLogMode)plan.Parameter(Log.Name), HotplugPages = 1 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.After(stage => stage.CheckMemoryAsync());
    }
}
