using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Livebed.Kvm.Files;

namespace Livebed.Kvm.Tests.Files;

public sealed class InputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("livebed-input-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_regular_file_is_read_also_by_a_link_to_a_link()
    {
        File.WriteAllText(PathOf("file"), "content");
        File.CreateSymbolicLink(PathOf("link"), "file");
        File.CreateSymbolicLink(PathOf("link-to-link"), PathOf("link"));
        Assert.Equal("content", Encoding.UTF8.GetString(InputFile.Read(PathOf("link-to-link"), 7)));
    }

    [Fact]
    public void A_pipe_is_refused_without_waiting_for_a_writer()
    {
        Assert.Equal(0, MakePipe(PathOf("pipe"), 0x180));
        File.CreateSymbolicLink(PathOf("link"), "pipe");
        AssertRefused("is empty or no regular file", "pipe");
        AssertRefused("is empty or no regular file", "link");
    }

    [Fact]
    public void A_socket_is_refused()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(PathOf("socket")));
        AssertRefused("is empty or no regular file", "socket");
    }

    [Theory]
    [InlineData("/dev/zero", "is empty or no regular file")]
    [InlineData("/dev/null", "is empty or no regular file")]
    [InlineData("/dev", "is a folder")]
    [InlineData("nowhere", "is a link to no regular file")]
    [InlineData("itself", "cannot be opened")]
    public void A_link_is_refused_for_what_it_leads_to(string target, string expected)
    {
        File.CreateSymbolicLink(PathOf("itself"), "itself");
        File.CreateSymbolicLink(PathOf("link"), target);
        AssertRefused(expected, "link");
    }

    [Fact]
    public void A_missing_file_is_said_to_be_missing() => AssertRefused("there is no such file", "nowhere");

    [Fact]
    public void A_path_that_no_file_can_have_is_refused() => AssertRefused("cannot be opened", "a\0b");

    [Fact]
    public void An_empty_file_is_refused()
    {
        File.WriteAllText(PathOf("empty"), "");
        AssertRefused("is empty or no regular file", "empty");
    }

    [Fact]
    public void A_file_that_is_larger_than_allowed_is_not_read_to_its_end()
    {
        using (var file = File.Create(PathOf("sparse"))) file.SetLength(1L << 40);
        var problem = Assert.Throws<InputFileException>(() => InputFile.Read(PathOf("sparse"), 100_000));
        Assert.Equal("is larger than 100000 bytes", problem.Message);
    }

    private void AssertRefused(string expected, string name) =>
        Assert.StartsWith(
            expected, Assert.Throws<InputFileException>(() => InputFile.Read(PathOf(name), 1000)).Message, StringComparison.Ordinal);

    private string PathOf(string name) => Path.Combine(_folder, name);

    [DllImport("libc", EntryPoint = "mkfifo", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int MakePipe(string path, int mode);
}
