using System.Text;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// Whether a line of JSON may have spans of some traces. It is looked through for ids, which is much quicker than to read it. A line that
/// is not as expected may have them, so nothing is missed.
/// </summary>
internal sealed class TraceIdFilter
{
    /// <summary>Of "traceId", and of the older "traceID".</summary>
    private static readonly byte[] Key = "\"traceI"u8.ToArray();

    /// <summary>Hashes: of two ids with one hash the other only makes a line be read.</summary>
    private readonly HashSet<int> _ids = [];

    public TraceIdFilter(IEnumerable<string> ids)
    {
        foreach (var id in ids) _ids.Add(Hash(Encoding.UTF8.GetBytes(id)));
    }

    public bool MayBeIn(ReadOnlySpan<byte> line)
    {
        // A key can be written with escapes.
        if (line.IndexOf("\\u"u8) >= 0) return true;
        for (int at; (at = line.IndexOf(Key)) >= 0;)
        {
            line = line[(at + Key.Length)..];
            if (line.Length < 2 || line[0] is not ((byte)'d' or (byte)'D') || line[1] != '"') return true;
            line = line[2..].TrimStart(" \t:"u8);
            if (line.IsEmpty || line[0] != '"' || line[1..].IndexOf((byte)'"') is not (>= 0 and var length)) return true;
            if (_ids.Contains(Hash(line.Slice(1, length)))) return true;
        }

        return false;
    }

    private static int Hash(ReadOnlySpan<byte> id)
    {
        var hash = new HashCode();
        hash.AddBytes(id);
        return hash.ToHashCode();
    }
}
