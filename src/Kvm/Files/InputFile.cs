namespace Livebed.Kvm.Files;

/// <summary>
/// Files that a user names: campaigns, traces, replays, results, protocol assemblies. Only a regular file with something in it is opened,
/// and links are followed. A pipe, a device or a socket is refused before it is opened, since the opening of a pipe waits for a writer.
/// What is read is counted; a length that the file system tells is not trusted.
/// </summary>
public static class InputFile
{
    private const int ChunkBytes = 1 << 16;

    /// <summary>Opens the file at its beginning, without a buffer.</summary>
    /// <exception cref="InputFileException">There is no such file, or it is none of this kind, or it may not be read.</exception>
    public static FileStream Open(string path)
    {
        try
        {
            Check(path);
            var file = new FileStream(
                path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.SequentialScan, Share = FileShare.Read });
            if (file.CanSeek && file.Length > 0) return file;
            // Another one has taken the name since.
            file.Dispose();
            throw NotRegular();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputFileException("there is no such file", exception);
        }
        catch (Exception exception) when (
            exception is not InputFileException
            && exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputFileException($"cannot be opened ({exception.Message})", exception);
        }
    }

    /// <summary>Reads the whole file.</summary>
    /// <param name="path">of the file</param>
    /// <param name="bytesMax">reads no more than that and one byte</param>
    /// <exception cref="InputFileException">It cannot be opened or read, or is larger.</exception>
    public static byte[] Read(string path, long bytesMax)
    {
        using var file = Open(path);
        using var content = new MemoryStream();
        var chunk = new byte[ChunkBytes];
        try
        {
            for (int length; (length = file.Read(chunk)) > 0;)
            {
                if (content.Length + length > bytesMax) throw new InputFileException($"is larger than {bytesMax} bytes");
                content.Write(chunk, 0, length);
            }
        }
        catch (Exception exception) when (exception is not InputFileException && exception is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException($"cannot be read ({exception.Message})", exception);
        }

        return content.ToArray();
    }

    private static void Check(string path)
    {
        var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
        if (Directory.Exists(target)) throw new InputFileException("is a folder");
        var file = new FileInfo(target);
        // The pipe of a shell's <(…) is a link to a name that does not exist.
        if (!file.Exists) throw new InputFileException(target == path ? "there is no such file" : "is a link to no regular file");
        // Pipes, devices and sockets have no size, and no file that is worth reading is empty.
        if (file.Length == 0) throw NotRegular();
    }

    private static InputFileException NotRegular() => new("is empty or no regular file");
}

/// <summary>A file cannot be opened or read. The message says what is wrong, without the file's name.</summary>
public sealed class InputFileException(string problem, Exception? inner = null) : IOException(problem, inner);
