using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>What the migration scenarios have in common: two hosts, a VM that has run for a while, and a look at every page when all is over.</summary>
internal static class MigrationPlan
{
    /// <summary>Which dirty log: 1 plain bitmap, 2 manual clear, 3 initially all set, 4 rings.</summary>
    public static readonly ScenarioParameter Log = new("log", "dirty log: 1 bitmap, 2 manual clear, 3 initially-all-set, 4 rings", (int)DirtyLogMode.InitiallySet, 1, 4);

    public static readonly ScenarioParameter Rounds = new("rounds", "rounds of pre-copy", 2, 1, 8);

    /// <summary>So many rounds whatever they send, and then the switchover: steps are no measure of bandwidth.</summary>
    public static MigrationParameters AfterRounds(int rounds) => new()
    {
        MaxBandwidth = 0,
        DowntimeLimitMicroseconds = 0,
        RoundsMax = rounds,
        TimeoutAction = TimeoutAction.Suspend,
        BatchPages = 64,
    };

    /// <summary>Nobody cancels, and a link that breaks is mended: so every migration comes to its good end (L5).</summary>
    public static void MustComplete(ScenarioPlan plan) => plan.After(stage =>
    {
        if (stage.Migration is { Result: { Status: not MigrationStatus.Completed } info })
            stage.Bed.World.Observer.Violated(new Violation(Invariants.MigrationProgress, $"the migration is {info.Status}: {info.Reason}"));
        return ValueTask.CompletedTask;
    });

    public static void LayOutHosts(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { Hosts = 2, DirtyLog = (DirtyLogMode)plan.Parameter(Log.Name), HotplugPages = 1 };
        plan.Before(stage => stage.TouchRamAsync());
        plan.After(stage => stage.CheckMemoryAsync());
    }
}
