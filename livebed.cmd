@echo off
rem Runs Livebed with the arguments as given, on Windows: livebed run smoke
rem The script livebed beside this one says what it builds and why. Here a copy of the sources in the image tells what has changed:
rem robocopy /L lists the differences and ends with 0 where there are none.
setlocal
set "root=%~dp0"
set "images=%root%artifacts\images"
set "log=%root%artifacts\build.log"
call :compare
if %errorlevel%==0 goto start
where /q dotnet
if not %errorlevel%==0 (
  echo livebed: the .NET 10 SDK is needed: dotnet>&2
  exit /b 70
)
if not exist "%images%" mkdir "%images%"
echo building livebed ...>&2

:lock
rem What is open for writing cannot be opened for writing once more: the redirection fails with 1 while another command builds.
2>nul (9>"%root%artifacts\lock" (call :build))
if %errorlevel%==0 goto start
if %errorlevel%==70 goto failed
timeout /t 1 /nobreak >nul
goto lock

:failed
type "%log%" >&2
echo livebed: the build failed>&2
exit /b 70

:start
set /p image=<"%images%\current"
set "LIVEBED_COMMAND=%~0"
dotnet "%images%\%image%\livebed.dll" %*
exit /b %errorlevel%

:compare
if not exist "%images%\current" exit /b 1
set /p image=<"%images%\current"
set "quiet=/NJH /NJS /NFL /NDL /NP"
for %%f in (src campaigns prices) do (
  robocopy "%root%%%f" "%images%\%image%\sources\%%f" /L /MIR /XD bin obj %quiet% >nul
  if errorlevel 1 exit /b 1
)
robocopy "%root%." "%images%\%image%\sources\root" Directory.Build.props Directory.Packages.props global.json /L %quiet% >nul
if errorlevel 1 exit /b 1
exit /b 0

:build
call :compare
if %errorlevel%==0 exit /b 0
set "image=%random%-%random%"
set "quiet=/NJH /NJS /NFL /NDL /NP"
robocopy "%root%src" "%images%\%image%\sources\src" /MIR /XD bin obj %quiet% >nul
robocopy "%root%campaigns" "%images%\%image%\sources\campaigns" /MIR /XD bin obj %quiet% >nul
robocopy "%root%prices" "%images%\%image%\sources\prices" /MIR /XD bin obj %quiet% >nul
robocopy "%root%." "%images%\%image%\sources\root" Directory.Build.props Directory.Packages.props global.json %quiet% >nul
call :publish --use-current-runtime -p:PublishReadyToRun=true && goto built
rem Where the compiler that compiles ahead cannot be had.
call :publish -p:PublishReadyToRun=false -nologo && goto built
rmdir /s /q "%images%\%image%"
exit /b 70

:built
>"%images%\current" echo %image%
exit /b 0

:publish
dotnet publish "%root%src\Driver\Driver.csproj" -c Release -v q --no-self-contained --artifacts-path "%root%artifacts\build" ^
  -o "%images%\%image%" %* >"%log%" 2>&1
exit /b %errorlevel%
