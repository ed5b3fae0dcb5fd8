namespace Livebed.Explorer.MutantRuns;

/// <summary>How long mutants are hunted.</summary>
public sealed record MutantRunOptions
{
    /// <summary>Searches of each mutant, with the seeds 1, 2, 3, ...</summary>
    public int Seeds { get; init; } = 20;

    /// <summary>Schedules after which a search gives up.</summary>
    public long SchedulesMax { get; init; } = 1_000_000;

    /// <summary>Asked after every schedule: true ends all searches, and those that have caught nothing say so.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told now and then how many searches have ended, how many there are, and how many schedules were played.</summary>
    public Action<int, int, long>? Progress { get; init; }
}
