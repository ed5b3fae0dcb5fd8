using System.Buffers.Binary;
using System.IO.Hashing;

namespace Livebed.Kvm.Host.Streams;

/// <summary>The checksum by which images of memory are compared.</summary>
public static class PageChecksum
{
    /// <summary>Of a page that was last written by the model: the value in its first and in its last eight bytes, and zeroes between.</summary>
    public static ulong Of(ulong value, int pageSize)
    {
        Span<byte> page = stackalloc byte[pageSize];
        page.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(page, value);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(pageSize - sizeof(ulong))..], value);
        return XxHash3.HashToUInt64(page);
    }
}
