using System.Numerics;

namespace Livebed.Kvm.Memslots;

/// <summary>A memslot's dirty bitmap: one bit a page, 64 pages a word, as KVM_GET_DIRTY_LOG shows it.</summary>
public sealed class DirtyBitmap(long pages)
{
    private readonly ulong[] _words = new ulong[(pages + 63) / 64];

    public long Pages { get; } = pages;
    public int Words => _words.Length;

    /// <summary>Whoever marks a page in it from now on writes to freed memory (S8).</summary>
    public bool IsFreed { get; private set; }

    /// <summary><c>kvm_destroy_dirty_bitmap</c>; after the grace period of the update that took it from its memslot.</summary>
    public void Free() => IsFreed = true;

    public bool Test(long page) => (_words[page >> 6] & (1UL << (int)(page & 63))) != 0;
    public void Set(long page) => _words[page >> 6] |= 1UL << (int)(page & 63);

    /// <summary><c>xchg(&amp;bitmap[i], 0)</c>.</summary>
    public ulong TakeWord(int index)
    {
        var word = _words[index];
        _words[index] = 0;
        return word;
    }

    /// <summary><c>atomic_long_fetch_andnot</c>: clears the given bits and returns those of them that were set.</summary>
    public ulong ClearWord(int index, ulong mask)
    {
        var cleared = _words[index] & mask;
        _words[index] &= ~mask;
        return cleared;
    }

    public ulong Word(int index) => _words[index];

    public void SetAll()
    {
        for (long page = 0; page < Pages; page++) Set(page);
    }

    public void OrInto(Span<ulong> target)
    {
        for (var i = 0; i < _words.Length; i++) target[i] |= _words[i];
    }

    public long Count()
    {
        long count = 0;
        foreach (var word in _words) count += BitOperations.PopCount(word);
        return count;
    }
}

/// <summary>How a VM's user space tracks dirty pages.</summary>
public enum DirtyLogMode
{
    None,

    /// <summary>KVM_GET_DIRTY_LOG, which clears and re-protects.</summary>
    Bitmap,

    /// <summary>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: get copies, KVM_CLEAR_DIRTY_LOG clears and re-protects.</summary>
    Manual,

    /// <summary>The same with KVM_DIRTY_LOG_INITIALLY_SET.</summary>
    InitiallySet,

    /// <summary>KVM_CAP_DIRTY_LOG_RING.</summary>
    Ring,
}
