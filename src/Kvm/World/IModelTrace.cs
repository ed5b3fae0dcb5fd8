using System.Runtime.CompilerServices;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// Follows what the model does, in the order in which it happens: every lock operation, and what is done to page tables, memslots and logs.
/// Two things follow it: a witness, which shows a schedule as text, and a world of prices, which takes time for each step. Asked for only
/// there. Callers test for null first, so that nothing is formatted or counted otherwise; text is made only where it is wanted.
/// </summary>
public interface IModelTrace
{
    /// <summary>Whether text is made; false where only steps count.</summary>
    bool WantsText => true;

    void Lock(Operation op, LockStep step, LockClass lockClass, string instance, LockMode mode);

    /// <summary>An event in a few words: "zaps gfn [0x0, 0x2)". Without an operation it belongs to the lane that runs now.</summary>
    void Note(Operation? op, string text);

    /// <summary>The same; the text is made only where it is wanted.</summary>
    void Note(Operation? op, [InterpolatedStringHandlerArgument("")] ref TraceText text)
    {
        if (WantsText) Note(op, text.ToStringAndClear());
    }

    /// <summary>The same of a step that has a price, made <paramref name="count"/> times.</summary>
    void Note(Operation? op, ModelStep step, long count, [InterpolatedStringHandlerArgument("")] ref TraceText text)
    {
        Made(step, count);
        if (WantsText) Note(op, text.ToStringAndClear());
    }

    /// <summary>The lane that runs now has made a step that has a price, so many times.</summary>
    void Made(ModelStep step, long count)
    {
    }

    /// <summary>
    /// Whether the lock is given back later, when the steps since it was taken have had their time; the trace then calls
    /// <see cref="KernelLock.GiveBack"/>.
    /// </summary>
    bool Defers(KernelLock held, Operation op, LockMode mode) => false;
}

/// <summary>Steps that have a price, named where the model makes them. Locks have prices by their class.</summary>
public enum ModelStep : byte
{
    /// <summary>A host PTE is written (<c>set_pte_at</c>), and what it takes to free or map the page behind it.</summary>
    PteChange,

    /// <summary>A page is copied: copy on write, migration between frames.</summary>
    PageCopy,

    /// <summary>Two pages are compared byte for byte (<c>memcmp_pages</c>).</summary>
    PageCompare,

    /// <summary>An SPTE is made and written under mmu_lock (<c>make_spte</c>, <c>tdp_mmu_map_handle_target_level</c>).</summary>
    SpteInstall,

    /// <summary>An SPTE is made writable by a cmpxchg (<c>fast_page_fault</c>).</summary>
    FastPageFault,

    /// <summary>An SPTE is made non-present (<c>tdp_mmu_zap_leafs</c>).</summary>
    SpteZap,

    /// <summary>An SPTE is write-protected, or a page's place in the dirty log is read and cleared.</summary>
    WriteProtect,

    /// <summary>A page is marked in a dirty bitmap or pushed to a ring.</summary>
    MarkDirty,

    /// <summary>The set of memslots is swapped, and a grace period of SRCU begins.</summary>
    PublishMemslots,
}

/// <summary>Text of a trace that is formatted only where the trace wants it.</summary>
[InterpolatedStringHandler]
public ref struct TraceText
{
    private DefaultInterpolatedStringHandler _text;

    public TraceText(int literalLength, int formattedCount, IModelTrace trace, out bool isWanted)
    {
        isWanted = trace.WantsText;
        _text = isWanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string value) => _text.AppendLiteral(value);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    public void AppendFormatted<T>(T value, int alignment, string? format = null) => _text.AppendFormatted(value, alignment, format);

    internal string ToStringAndClear() => _text.ToStringAndClear();
}
