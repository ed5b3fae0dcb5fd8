namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// A fault that is made on purpose: it begins, it is seen to have its effect, it ends, and the cluster is seen to be well again. Each kind
/// has a file. What goes wrong is a sentence, never an exception: the run goes on, and its verdict says so.
/// </summary>
internal interface INemesisFault
{
    /// <summary>What it strikes, for people: <c>silo-2</c>.</summary>
    string Target { get; }

    /// <summary>Calls that it struck, known when it has ended; 0 for one that strikes something else.</summary>
    long Calls => 0;

    Task BeginAsync(CancellationToken over);

    /// <returns>why its effect is not seen; null when it is</returns>
    Task<string?> FindNoEffectAsync();

    /// <summary>Heals it, in any case.</summary>
    /// <param name="isHurried">the run is over: only what would outlive it has to be healed</param>
    Task EndAsync(bool isHurried);

    /// <returns>what is not well again; null when all is</returns>
    Task<string?> FindNotHealedAsync();
}
