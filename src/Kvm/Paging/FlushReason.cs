namespace Livebed.Kvm.Paging;

/// <summary>Why TLBs are flushed; mutants leave out one reason or the other.</summary>
public enum FlushReason
{
    Invalidation,
    Memslot,
    DirtyLog,
    Ageing,
    Release,
}
