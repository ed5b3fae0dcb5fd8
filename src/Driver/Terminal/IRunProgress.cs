namespace Livebed.Driver.Terminal;

/// <summary>Where a runner tells how it goes. Methods return at once and are safe from any thread.</summary>
public interface IRunProgress
{
    /// <summary>What the bed does now, in a few words: "starting 3 silos", "running", "tearing down".</summary>
    void Phase(string what);

    /// <summary>The figures now; once or a few times a second.</summary>
    void Report(ProgressSnapshot snapshot);
}
