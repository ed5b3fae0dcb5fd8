using System.Buffers;

namespace Livebed.Kvm.Tests.Host.Streams;

/// <summary>A pool that knows what it has lent, and spoils what comes back, so that a use after the return shows.</summary>
internal sealed class PoisoningPool : ArrayPool<byte>
{
    private readonly HashSet<byte[]> _lent = [];

    public int Rents { get; private set; }
    public int Lent => _lent.Count;

    public override byte[] Rent(int minimumLength)
    {
        var buffer = new byte[minimumLength];
        Array.Fill(buffer, (byte)0xEE);
        _lent.Add(buffer);
        Rents++;
        return buffer;
    }

    public override void Return(byte[] array, bool clearArray = false)
    {
        Assert.True(_lent.Remove(array), "a buffer is returned that was not lent, or twice");
        Array.Fill(array, (byte)0xDD);
    }
}
