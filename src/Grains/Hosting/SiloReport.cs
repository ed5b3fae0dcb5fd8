namespace Livebed.Grains.Hosting;

/// <summary>What one silo says about itself. Memory and collections are those of its process, which silos may share.</summary>
/// <param name="Silo">its name</param>
/// <param name="ProcessId">of the process that it runs in</param>
/// <param name="Activations">actors that live on it, by grain class, probes excepted; all zero when nothing leaked</param>
/// <param name="WorkingSetBytes">resident memory of the process</param>
/// <param name="Gen2Collections">full garbage collections so far</param>
/// <param name="PendingWorkItems">thread-pool work that waits for a thread</param>
[GenerateSerializer, Immutable, Alias("Livebed.SiloReport")]
public sealed record SiloReport(
    string Silo, int ProcessId, IReadOnlyDictionary<string, int> Activations, long WorkingSetBytes, int Gen2Collections, long PendingWorkItems);
