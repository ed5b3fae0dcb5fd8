using System.Buffers.Binary;
using System.IO.Compression;
using Livebed.Kvm.Files;

namespace Livebed.Kvm.Guests;

/// <summary>
/// The bytes of a gzip file one by one, with the line they are on. The buffer is reused over the whole file and over
/// <see cref="Rewind"/>, so that a guest which replays a trace for hours allocates a decompressor per pass and nothing per line.
/// </summary>
internal sealed class TraceByteStream : IDisposable
{
    public const int End = -1;

    private const string AllowedFile = "a readable gzip file (one member) of a dirty-page-trace/1 is allowed";

    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly FileStream _file;
    private GZipStream _gzip;
    private int _position;
    private int _length;
    private long _total;

    public TraceByteStream(string path)
    {
        Path = path;
        try
        {
            _file = InputFile.Open(path);
        }
        catch (InputFileException exception)
        {
            throw new TraceFormatException(path, 0, exception.Message, AllowedFile, exception);
        }

        _gzip = new GZipStream(_file, CompressionMode.Decompress, leaveOpen: true);
    }

    public string Path { get; }

    /// <summary>The line that the next byte is on, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>Bytes of that line already read.</summary>
    public int LineBytes { get; private set; }

    /// <summary>The next byte without taking it, or <see cref="End"/>.</summary>
    public int Peek()
    {
        if (_position == _length && !Fill()) return End;
        return _buffer[_position];
    }

    /// <summary>Takes the byte that <see cref="Peek"/> showed.</summary>
    public void Take()
    {
        if (_buffer[_position++] == (byte)'\n')
        {
            Line++;
            LineBytes = 0;
        }
        else
        {
            LineBytes++;
        }
    }

    public void Rewind()
    {
        _gzip.Dispose();
        _file.Position = 0;
        _gzip = new GZipStream(_file, CompressionMode.Decompress, leaveOpen: true);
        _position = _length = 0;
        _total = 0;
        Line = 1;
        LineBytes = 0;
    }

    public void Dispose()
    {
        _gzip.Dispose();
        _file.Dispose();
    }

    private bool Fill()
    {
        try
        {
            _position = 0;
            _length = 0;
            _length = _gzip.Read(_buffer, 0, _buffer.Length);
            _total += _length;
            if (_length == 0) CheckTrailer();
            // The trailer cannot tell more, and a small file can hold very much of the same.
            if (_total > uint.MaxValue)
                throw new TraceFormatException(Path, Line, "the trace is too long", $"at most {uint.MaxValue} bytes of text are allowed");
        }
        catch (InvalidDataException exception)
        {
            var wrong = StartsAsGzip() ? "the gzip data is damaged or cut off" : "is not gzip";
            throw new TraceFormatException(Path, Line, wrong, AllowedFile, exception);
        }
        catch (IOException exception)
        {
            throw new TraceFormatException(Path, Line, $"cannot be read ({exception.Message})", AllowedFile, exception);
        }

        return _length > 0;
    }

    /// <summary>GZipStream takes the end of the file for the end of the data; only the size in the trailer tells that something is
    /// missing.</summary>
    private void CheckTrailer()
    {
        Span<byte> size = stackalloc byte[sizeof(uint)];
        if (_total == 0) throw new InvalidDataException("nothing in it");
        _file.Seek(-size.Length, SeekOrigin.End);
        _file.ReadExactly(size);
        if (BinaryPrimitives.ReadUInt32LittleEndian(size) != _total) throw new InvalidDataException("fewer bytes than its trailer says");
    }

    private bool StartsAsGzip()
    {
        _file.Position = 0;
        return _file.ReadByte() == 0x1f && _file.ReadByte() == 0x8b;
    }
}
