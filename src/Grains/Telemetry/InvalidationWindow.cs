using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The last invalidations and memslot updates of a VM, with the time each was there and what it made of <c>mmu_invalidate_seq</c>: what a
/// retried fault was up against. Sixty-four are kept; an older one is forgotten even if it is still going on. Confined to its actor.
/// </summary>
internal sealed class InvalidationWindow
{
    private const int Kept = 64;
    private readonly Invalidation?[] _entries = new Invalidation?[Kept];
    private long _count;

    /// <param name="operation">what invalidates</param>
    /// <param name="context">its span; none if it is not sampled</param>
    /// <param name="nowMicroseconds">by the silo's clock</param>
    /// <param name="rangeId">of a notifier's range; 0 of a memslot update</param>
    /// <param name="pages">of the range</param>
    public Invalidation Begin(
        Operation operation, ActivityContext context, long nowMicroseconds, long rangeId = 0, HvaRange pages = default)
    {
        var entry = new Invalidation(operation.Id, operation.Kind, context, nowMicroseconds, rangeId, pages);
        _entries[_count++ % Kept] = entry;
        return entry;
    }

    /// <summary>The range between its start and its end; null when it has been forgotten.</summary>
    public Invalidation? Find(long rangeId)
    {
        // Most ranges are short: theirs is among the newest.
        for (var i = 1; i <= Math.Min(_count, Kept); i++)
            if (_entries[(_count - i) % Kept] is { } entry && entry.RangeId == rangeId) return entry;
        return null;
    }

    /// <summary>What made the fault begin again, by its reason and its page; null when nothing here can have.</summary>
    public Invalidation? CauseOf(in FaultRetry retry)
    {
        Invalidation? best = null;
        var bestRank = 0;
        for (var i = 1; i <= Math.Min(_count, Kept); i++)
        {
            var entry = _entries[(_count - i) % Kept]!;
            var rank = entry.RankFor(retry);
            if (rank > bestRank) (best, bestRank) = (entry, rank);
        }

        return best;
    }
}

/// <summary>One of them. Its span is made when a fault that becomes a span has to lead to it.</summary>
internal sealed class Invalidation(
    OperationId operation, OperationKind kind, ActivityContext context, long began, long rangeId, HvaRange pages)
{
    public OperationId Operation { get; } = operation;
    public OperationKind Kind { get; } = kind;
    public ActivityContext Context { get; } = context;
    public long BeganMicroseconds { get; } = began;
    public long RangeId { get; } = rangeId;
    public HvaRange Pages { get; } = pages;

    /// <summary>When it ended; 0 while it is there.</summary>
    public long EndedMicroseconds { get; set; }

    /// <summary>The end of a range has begun: from here on the sequence may have changed.</summary>
    public bool IsEnding { get; set; }

    /// <summary><c>mmu_invalidate_seq</c> before its end began and after it; the same where the protocol elided it.</summary>
    public (ulong Before, ulong After) Sequence { get; set; }

    /// <summary><c>mmu_invalidate_in_progress</c> after its start.</summary>
    public long InProgress { get; set; }

    /// <summary>Its span, once it has one.</summary>
    public ActivityContext Span { get; set; }

    private bool IsUpdate => RangeId == 0;

    /// <summary>How likely it is the cause, 0 if it cannot be: the reason decides, then the page. Among equals the newest counts.</summary>
    public int RankFor(in FaultRetry retry)
    {
        var covers = retry.Hva != default && Pages.Contains(retry.Hva) ? 2 : 0;
        return retry.Reason switch
        {
            RetryReason.InvalidMemslot => IsUpdate ? (EndedMicroseconds == 0 ? 2 : 1) : 0,
            RetryReason.InvalidationInProgress => !IsUpdate && EndedMicroseconds == 0 ? 3 + covers : 0,
            RetryReason.SequenceChanged when IsUpdate => 0,
            RetryReason.SequenceChanged => EndedMicroseconds == 0
                ? (IsEnding ? 3 + covers : 0)
                : (Sequence.After > retry.Sequence && Sequence.After != Sequence.Before ? 3 + covers : 0),
            // The SPTE went between the install and the guest's next look: whatever is there now, or ended last.
            _ => 1 + (EndedMicroseconds == 0 ? 1 : 0),
        };
    }
}
