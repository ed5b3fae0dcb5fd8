namespace Livebed.Driver.Results;

/// <summary>What was left after every VM was torn down; anything above 0 makes the run invalid.</summary>
public sealed record LeakResult
{
    public long Frames { get; init; }
    public long Subscriptions { get; init; }
    public long Activations { get; init; }
    public long Locks { get; init; }

    public static IReadOnlyList<(string What, Func<LeakResult, long> Read)> Kinds { get; } =
    [
        ("frames", leaks => leaks.Frames),
        ("notifier subscriptions", leaks => leaks.Subscriptions),
        ("grain activations", leaks => leaks.Activations),
        ("held locks", leaks => leaks.Locks),
    ];
}
