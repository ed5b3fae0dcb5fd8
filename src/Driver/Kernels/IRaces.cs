using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>The races that `livebed kernel race` runs and judges.</summary>
internal interface IRaces
{
    /// <summary>Whether KSM merges pages here.</summary>
    bool IsMergingOn { get; }

    /// <inheritdoc cref="KvmPfnCacheRace.IsPossible"/>
    bool HasPfnCache { get; }

    /// <param name="options">of the race</param>
    /// <param name="stop">ends it early</param>
    /// <exception cref="KvmException">KVM does not do what it needs.</exception>
    KvmRaceCounts Race(KvmRaceOptions options, CancellationToken stop);

    /// <param name="time">that it lasts</param>
    /// <param name="stop">ends it early</param>
    /// <exception cref="KvmException">KVM does not do what it needs.</exception>
    KvmPfnCacheCounts RacePfnCache(TimeSpan time, CancellationToken stop);
}

/// <summary>Those on a machine's KVM.</summary>
/// <param name="device">is asked</param>
internal sealed class RealRaces(KvmDevice device) : IRaces
{
    public bool IsMergingOn => KvmMachine.IsMergingOn;

    public bool HasPfnCache => KvmPfnCacheRace.IsPossible(device);

    public KvmRaceCounts Race(KvmRaceOptions options, CancellationToken stop) => new KvmRace(device, options).Run(stop);

    public KvmPfnCacheCounts RacePfnCache(TimeSpan time, CancellationToken stop) => new KvmPfnCacheRace(device, time).Run(stop);
}
