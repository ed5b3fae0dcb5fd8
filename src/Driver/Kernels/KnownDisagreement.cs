using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>
/// Where a kernel is known to break what a race demands. It explains a loss, which is no failure then; and where the race had its chances
/// and lost nothing, the disagreement is gone, which is one: its entry, and what the documents say, must go too.
/// </summary>
/// <param name="Name">as it is printed</param>
/// <param name="Sentence">what the kernel does</param>
/// <param name="Log">of the race</param>
/// <param name="Beside">of the race</param>
/// <param name="Since">the first release that has it</param>
/// <param name="ChancesMost">so many chances pass without a loss only where it is gone</param>
internal sealed record KnownDisagreement(
    string Name, string Sentence, KvmLog Log, KvmDisturbance Beside, Version Since, long ChancesMost)
{
    /// <summary>All of them; docs/kernel.md has each.</summary>
    public static IReadOnlyList<KnownDisagreement> All { get; } =
    [
        new(
            "ring-reset-signal",
            "kvm_dirty_ring_reset leaves at a signal without protecting what it has gathered, and writes that come then are in no ring",
            KvmLog.Ring, KvmDisturbance.Signal, new Version(6, 16), ChancesMost: 20),
    ];

    /// <summary>What is known of such a race on such a kernel; null where it must hold.</summary>
    public static KnownDisagreement? Of(KvmRaceOptions race, Version kernel) =>
        All.FirstOrDefault(known => known.Log == race.Log && known.Beside == race.Disturbance && kernel >= known.Since);

    /// <summary>What a race came to.</summary>
    /// <param name="known">what is known of it, or null</param>
    /// <param name="chances">of the known disagreement to show: resets that were cut short</param>
    /// <param name="lost">writes</param>
    /// <param name="wrong">pages; nothing explains one</param>
    /// <param name="hasRaced">what it is to be a race of has happened</param>
    public static RaceVerdict Judge(KnownDisagreement? known, long chances, long lost, long wrong, bool hasRaced = true) =>
        wrong > 0 || (lost > 0 && (known is null || chances == 0)) ? RaceVerdict.Broken
        : lost > 0 ? RaceVerdict.Known
        : known is not null && chances >= known.ChancesMost ? RaceVerdict.Gone
        : hasRaced ? RaceVerdict.Holds
        : RaceVerdict.Unknown;

    /// <summary>Whether guests wrote while the log was read, and, beside KSM, to pages that it had merged: a race that did not come to
    /// that shows nothing.</summary>
    public static bool HasRaced(KvmDisturbance beside, long writes, long rounds, long unshared) =>
        writes > 0 && rounds > 0 && (beside != KvmDisturbance.Merge || unshared > 0);
}

/// <summary>What a race came to.</summary>
internal enum RaceVerdict
{
    /// <summary>Nothing was lost or went elsewhere.</summary>
    Holds,

    /// <summary>A loss that is known of this kernel.</summary>
    Known,

    /// <summary>A loss that should have shown and did not.</summary>
    Gone,

    /// <summary>Nothing was lost or went elsewhere, and the race did not come to what it is for.</summary>
    Unknown,

    /// <summary>Something was lost, or went elsewhere, and nothing explains it.</summary>
    Broken,
}
