using System.Globalization;
using Livebed.Kvm.Files;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// Reads the text of a script. Header lines (<c>mode</c>, <c>backing</c>, <c>vcpus</c>, <c>pages</c>, <c>architecture</c>, <c>shows</c>)
/// come before the first step; a step is a verb and its keys; <c>=&gt;</c> and an answer make it an expectation; <c>#</c> begins a comment.
/// </summary>
public sealed class ScriptReader
{
    public const int PagesByDefault = 256;

    private const long BytesMax = 1 << 20;
    private const string Headers = "mode, backing, vcpus, pages, architecture, shows";

    private readonly string _name;
    private readonly List<KernelStep> _steps = [];
    private readonly HashSet<string> _seen = [];
    private DirtyLogMode _mode = DirtyLogMode.Bitmap;
    private BackingKind _backing;
    private KvmArchitecture _architecture;
    private string? _shows;
    private int _vcpus = 1;
    private int _pages = PagesByDefault;
    private int _line;

    private ScriptReader(string name) => _name = name;

    /// <summary>Reads a file.</summary>
    /// <param name="path">where it is</param>
    /// <param name="name">what errors call it</param>
    /// <exception cref="ScriptException">It cannot be read, or a line is wrong.</exception>
    public static KernelScript ReadFile(string path, string name)
    {
        try
        {
            return Read(name, System.Text.Encoding.UTF8.GetString(InputFile.Read(path, BytesMax)));
        }
        catch (InputFileException exception)
        {
            throw new ScriptException($"{name}: {exception.Message}; allowed: a script of at most {BytesMax} bytes");
        }
    }

    /// <exception cref="ScriptException">A line is wrong.</exception>
    public static KernelScript Read(string name, string text)
    {
        var reader = new ScriptReader(name);
        foreach (var line in text.Split('\n')) reader.ReadLine(line);
        if (reader._steps.Count == 0) throw new ScriptException($"{name}: has no step; allowed: {string.Join(", ", StepGrammar.Verbs)}");
        if (reader._backing == BackingKind.Hugetlb && reader._pages % KernelScript.HugePages != 0)
            throw new ScriptException(
                $"{name}: has {reader._pages} pages of huge pages; allowed: a header 'pages' with a multiple of {KernelScript.HugePages}");
        return new KernelScript(
            reader._mode, reader._backing, reader._vcpus, reader._pages, reader._architecture, reader._steps)
        {
            Shows = reader._shows,
        };
    }

    private void ReadLine(string line)
    {
        _line++;
        var comment = line.IndexOf('#', StringComparison.Ordinal);
        var text = (comment < 0 ? line : line[..comment]).Trim();
        if (text.Length == 0) return;
        var words = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words[0].EndsWith(':')) ReadHeader(words[0][..^1], text[words[0].Length..].Trim());
        else ReadStep(text, words[0]);
    }

    private void ReadHeader(string key, string value)
    {
        if (_steps.Count > 0) throw Wrong($"the header '{key}' stands behind a step", "headers before the first step");
        if (!_seen.Add(key)) throw Wrong($"the header '{key}' stands twice", "once");
        switch (key)
        {
            case "mode":
                _mode = Word(key, value, ScriptWords.Modes);
                break;
            case "backing":
                _backing = Word(key, value, Enum.GetValues<BackingKind>());
                break;
            case "architecture":
                _architecture = Word(key, value, Enum.GetValues<KvmArchitecture>());
                break;
            case "shows":
                _shows = Normaliser.All.FirstOrDefault(one => one.Name == value)?.Name ?? throw Wrong(
                    $"shows: '{value}' is unknown", string.Join(", ", Normaliser.All.Select(one => one.Name)));
                break;
            case "vcpus":
                _vcpus = Number(key, value, KernelScript.VcpusMax);
                break;
            case "pages":
                _pages = Number(key, value, KernelScript.PagesMax);
                break;
            default:
                throw Wrong($"the header '{key}' is unknown", Headers);
        }
    }

    private void ReadStep(string text, string verbWord)
    {
        var arrow = text.IndexOf("=>", StringComparison.Ordinal);
        var words = (arrow < 0 ? text : text[..arrow]).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || StepGrammar.Find(words[0]) is not { } verb)
            throw Wrong($"'{verbWord}' is no verb", string.Join(", ", StepGrammar.Verbs));
        if (_steps.Count == KernelScript.StepsMax) throw Wrong("has too many steps", $"at most {KernelScript.StepsMax}");
        var step = ReadKeys(new KernelStep(verb) { Line = _line }, verb, words);
        if (arrow >= 0) step = step with { Expected = ReadExpectation(verb, text[(arrow + 2)..].Trim()) };
        Check(step);
        _steps.Add(step);
    }

    private KernelStep ReadKeys(KernelStep step, KernelVerb verb, string[] words)
    {
        var keys = StepGrammar.KeysOf(verb);
        var names = keys.Count == 0 ? "no key" : string.Join(", ", keys.Select(key => key.Name));
        var given = new HashSet<string>();
        foreach (var word in words.Skip(1))
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? word : word[..equals];
            var key = keys.FirstOrDefault(candidate => candidate.Name == name)
                ?? throw Wrong($"{words[0]} has no key '{name}'", names);
            if (!given.Add(name)) throw Wrong($"{words[0]}: '{name}' stands twice", "once");
            var value = equals < 0 ? "" : word[(equals + 1)..];
            step = key.Read(step, value) ?? throw Wrong($"{words[0]} {name}={value}: is not allowed", key.Allowed);
        }

        foreach (var key in keys)
            if (key.IsNeeded && !given.Contains(key.Name)) throw Wrong($"{words[0]}: '{key.Name}' is missing", key.Allowed);
        return step;
    }

    private string ReadExpectation(KernelVerb verb, string text) =>
        Answers.IsPossible(verb, text) ? text : throw Wrong($"'{text}' is no answer to {ScriptWords.Of(verb)}", Answers.Possible(verb));

    /// <summary>What a step needs of the header.</summary>
    private void Check(KernelStep step)
    {
        if (step.Vcpu >= _vcpus) throw Wrong($"vcpu={step.Vcpu}: there are {_vcpus}", $"0 to {_vcpus - 1}");
        if (step.Verb == KernelVerb.Set && step.Pages > StepGrammar.SlotPagesMax) return;
        if (step.Verb is KernelVerb.Get or KernelVerb.Clear or KernelVerb.Read or KernelVerb.Write) return;
        var pages = step.Verb == KernelVerb.UserWrite ? 1 : step.Pages;
        if (step.At + pages > _pages || step.To + pages > _pages)
            throw Wrong(
                $"{ScriptWords.Of(step.Verb)} ends at page {Math.Max(step.At, step.To) + pages}",
                $"the memory has {_pages} pages (header 'pages')");
        if (step.Verb == KernelVerb.Remap && _backing != BackingKind.Private)
            throw Wrong("remap: the pages of a file do not move with their mapping", "remap with backing: private");
        var takesPages = step.Verb is KernelVerb.DontNeed or KernelVerb.Unmap or KernelVerb.Map or KernelVerb.Protect;
        if (takesPages && _backing == BackingKind.Hugetlb && (step.At % KernelScript.HugePages != 0 || pages % KernelScript.HugePages != 0))
            throw Wrong(
                $"{ScriptWords.Of(step.Verb)}: a part of a huge page", $"whole huge pages: multiples of {KernelScript.HugePages} pages");
        if (step.Verb == KernelVerb.Remap && Math.Abs(step.At - step.To) < pages)
            throw Wrong("remap: both ranges overlap", "ranges without a common page");
    }

    private T Word<T>(string key, string value, IReadOnlyList<T> all) where T : struct, Enum
    {
        foreach (var one in all)
            if (ScriptWords.Of(one) == value) return one;
        throw Wrong($"{key}: '{value}' is unknown", string.Join(", ", all.Select(one => ScriptWords.Of(one))));
    }

    private int Number(string key, string value, int max) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= max
            ? number
            : throw Wrong($"{key}: '{value}' is no number in range", $"1 to {max}");

    private ScriptException Wrong(string problem, string allowed) => new($"{_name}, line {_line}: {problem}; allowed: {allowed}");
}

/// <summary>A script cannot be read. The message is one line with file, line, what is wrong and what is allowed.</summary>
public sealed class ScriptException(string message) : Exception(message);
