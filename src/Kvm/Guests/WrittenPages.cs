using Livebed.Kvm.World;

namespace Livebed.Kvm.Guests;

/// <summary>The set of pages that a program has written, from which one can be picked at random. Sized once: 4 bytes and 1 bit a page.</summary>
internal sealed class WrittenPages(long capacity)
{
    private readonly ulong[] _bits = new ulong[(capacity + 63) / 64];
    private readonly int[] _pages = new int[capacity];

    public int Count { get; private set; }

    public void Add(long page)
    {
        var bit = 1UL << (int)(page & 63);
        if ((_bits[page >> 6] & bit) != 0) return;
        _bits[page >> 6] |= bit;
        _pages[Count++] = (int)page;
    }

    public long Pick(SeededRandom random) => _pages[random.Next(Count)];
}
