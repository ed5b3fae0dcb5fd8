using HdrHistogram;
using HdrHistogram.Encoding;
using HdrHistogram.Utilities;

namespace Livebed.Grains.Telemetry;

/// <summary>Histograms as bytes: HdrHistogram's own V2 format, whose runs of zeroes take a byte or two; a typical one is under a kilobyte.</summary>
public static class HistogramEncoding
{
    public static byte[] Encode(HistogramBase histogram)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        var buffer = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        var bytes = new byte[histogram.Encode(buffer, HistogramEncoderV2.Instance)];

        // The buffer keeps its array to itself.
        buffer.Position = 0;
        for (var i = 0; i < bytes.Length; i++) bytes[i] = buffer.Get();
        return bytes;
    }

    /// <summary>The histogram that was encoded; an empty one for no bytes.</summary>
    public static HistogramBase Decode(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return bytes.Length == 0
            ? LatencyHistogram.Empty()
            : HdrHistogram.HistogramEncoding.DecodeFromByteBuffer(ByteBuffer.Allocate(bytes), 0, null);
    }

    /// <summary>Adds what <paramref name="bytes"/> encode to <paramref name="total"/>, exactly.</summary>
    public static void AddTo(HistogramBase total, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(total);
        if (bytes.Length > 0) total.Add(Decode(bytes));
    }
}
