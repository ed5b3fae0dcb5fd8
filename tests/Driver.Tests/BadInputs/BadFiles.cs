using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Livebed.Driver.Tests.BadInputs;

/// <summary>
/// Every kind of file: not there, no regular file, cut off, with bits turned over; and of JSON, every value replaced by values of other
/// types.
/// </summary>
internal static class BadFiles
{
    private const int DamagedOfEach = 40;

    private const string Script =
        "mode: ring\nvcpus: 2\nset slot=0 gfn=16 pages=4 at=0 flags=log => ok\nwrite gfn=17 value=7 vcpu=1 => ok\nreset => 0:1\n";

    private static readonly string[] _values =
        [
            "null", "-1", "1e400", "\"\"", "\"\\u001b[31m\"", "\"\\ud800\"", "[]", "[null]", "{}", "{\"a\":null}", "true",
            "123456789012345678901",
        ];

    public static IEnumerable<BadInput> All(InputFiles files, int seed)
    {
        (string Kind, byte[] Good, string Name, string[] Words)[] kinds =
        [
            ("replay", files.Replay, "r.json", ["replay", "r.json"]),
            ("replay to shrink", files.Replay, "r.json", ["shrink", "r.json", "--budget", "50ms"]),
            ("results", files.Results, "run/results.json", ["report", "run"]),
            ("spans", files.Spans, "spans.json", ["analyze", "spans.json"]),
            ("trace", files.Trace, "t.gz", ["predict", "--workload", "t.gz"]),
            ("trace of a campaign", files.Trace, "t.gz", ["run", "c.yaml"]),
            ("campaign", files.Campaign, "c.yaml", ["run", "c.yaml"]),
            ("script", Encoding.UTF8.GetBytes(Script), "s.script", ["kernel", "play", "s.script", "--on", "model"]),
            (
                "price list", files.Prices, "p.yaml",
                ["price", "uncontended", "--prices", "p.yaml", "--set", "ms=1", "--protocols", "rwsem"]),
        ];
        var random = new Random(seed);
        foreach (var (kind, good, name, words) in kinds)
        {
            foreach (var (what, lay) in Odd()) yield return new($"{kind}: {what}", words, IsWrong: true, Laid(name, lay));
            for (var i = 0; i < DamagedOfEach; i++)
            {
                var (length, bit) = (random.Next(good.Length), random.Next(good.Length * 8));
                yield return Damaged($"{kind} of {length} bytes", good[..length]);
                var turned = good.ToArray();
                turned[bit / 8] ^= (byte)(1 << (bit % 8));
                yield return Damaged($"{kind} with bit {bit} turned over", turned);
            }

            if (!name.EndsWith(".json", StringComparison.Ordinal)) continue;
            foreach (var (what, text) in Replaced(good)) yield return Damaged($"{kind}: {what}", Encoding.UTF8.GetBytes(text));

            BadInput Damaged(string what, byte[] bytes) =>
                new(what, words, IsWrong: false, Laid(name, path => File.WriteAllBytes(path, bytes)));
        }
    }

    /// <summary>What is no regular file with something in it.</summary>
    private static IEnumerable<(string What, Action<string> Lay)> Odd()
    {
        yield return ("not there", _ => { });
        yield return ("empty", path => File.WriteAllBytes(path, []));
        yield return ("a folder", path => Directory.CreateDirectory(path));
        yield return ("a pipe", path => Assert.Equal(0, MakePipe(path, 0x180)));
        yield return ("a link to itself", path => File.CreateSymbolicLink(path, path));
        foreach (var target in new[] { "/dev/zero", "/dev/null", "/dev/tty", "/nowhere", "/proc/self/mem" })
            yield return ($"a link to {target}", path => File.CreateSymbolicLink(path, target));
        yield return ("endless zeroes", MakeZeroes);
        yield return ("random bytes", path => File.WriteAllBytes(path, [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 151 >> 3))]));
        yield return ("null", path => File.WriteAllText(path, "null"));
        yield return ("deep", path => File.WriteAllText(path, new string('[', 100_000)));
    }

    private static void MakeZeroes(string path)
    {
        using var file = File.Create(path);
        file.SetLength(1L << 40);
    }

    /// <summary>A text for each value in the JSON and each other value.</summary>
    private static IEnumerable<(string What, string Text)> Replaced(byte[] good)
    {
        const string Mark = "\"the value that is replaced\"";
        foreach (var path in PathsOf(JsonNode.Parse(good)!, []))
        {
            foreach (var value in _values)
            {
                var root = JsonNode.Parse(good)!;
                var parent = path[..^1].Aggregate(root, (node, step) => step is string key ? node[key]! : node[(int)step]!);
                if (path[^1] is string last) parent[last] = JsonNode.Parse(Mark);
                else parent[(int)path[^1]] = JsonNode.Parse(Mark);
                yield return ($"{string.Join('.', path)} is {value}", root.ToJsonString().Replace(Mark, value, StringComparison.Ordinal));
            }
        }
    }

    /// <summary>Paths of all values; of a list, those of its first item only.</summary>
    private static IEnumerable<object[]> PathsOf(JsonNode node, object[] path)
    {
        var children = node switch
        {
            JsonObject section => section.Select(child => ((object)child.Key, child.Value)),
            JsonArray list => list.Take(1).Select(child => ((object)0, child)),
            _ => [],
        };
        foreach (var (step, child) in children.ToList())
        {
            yield return [.. path, step];
            if (child is null) continue;
            foreach (var below in PathsOf(child, [.. path, step])) yield return below;
        }
    }

    private static Action<TemporaryFolder> Laid(string name, Action<string> lay) => folder =>
    {
        if (name == "t.gz") folder.Write("c.yaml", "vms:\n  - guest:\n      trace: t.gz\n");
        Directory.CreateDirectory(Path.GetDirectoryName(folder.PathOf(name))!);
        lay(folder.PathOf(name));
    };

    [DllImport("libc", EntryPoint = "mkfifo", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int MakePipe(string path, int mode);
}
